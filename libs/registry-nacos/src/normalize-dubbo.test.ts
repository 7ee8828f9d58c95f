import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { Json } from './json-body.ts';
import { isCallable, notCallable } from './normalize-dubbo.ts';
import { recordOf } from './normalize.ts';

const scope = { source: parseSourceId('shop'), namespace: 'public', group: 'DEFAULT_GROUP' };

function record(name: string, ...hosts: Json[]) {
  const base = { ip: '10.0.0.1', port: 20880, weight: 1, healthy: true, enabled: true, instanceId: 'i' };
  const info = { lastRefTime: 0, protectionReached: false, hosts: hosts.map((host) => ({ ...base, ...host })) };
  const result = recordOf({ ...scope, name }, info);
  if (!('record' in result)) throw new Error(result.rejected.what);
  return result.record;
}
const provider = (metadata: Json, more: Json = {}) => record('providers:a.B::', { ...more, metadata }).endpoints[0];

describe('Dubbo on Nacos', () => {
  test.each([
    ['providers:com.acme.Greeter:1.0.0:g1', 'providers-com.acme.greeter-1.0.0-g1.default-group.public.nacos'],
    ['providers:com.acme.Greeter:1.0.0:', 'providers-com.acme.greeter-1.0.0.default-group.public.nacos'],
    ['providers:com.acme.Greeter::g1', 'providers-com.acme.greeter--g1.default-group.public.nacos'],
    ['providers:com.acme.Outer$Inner::', 'providers-com.acme.outer-inner.default-group.public.nacos'],
  ])('nacos#2068 #8837: %s is no legal host; it gets the host %s and its key keeps the name', (name, host) => {
    expect(record(name, {})).toMatchObject({ host, key: { name } });
  });

  test('dubbo2istio#23: an application has an endpoint for each protocol, at that protocol’s port', () => {
    const metadata = { 'dubbo.endpoints': '[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]' };
    const { endpoints, diagnostics } = record('greeter', { metadata });
    expect(endpoints.map((e) => [e.instanceId, e.port, e.protocol])).toEqual([
      ['i dubbo', 20880, 'tcp'],
      ['i tri', 50051, 'grpc'],
    ]);
    expect(diagnostics).toEqual([]);
  });

  test('the weight is Dubbo’s, in the metadata, times Nacos’s, which an operator may change', () => {
    expect(provider({ weight: '200' })?.weight).toBe(2);
    expect(provider({ weight: '200' }, { weight: 0.5 })?.weight).toBe(1);
    expect(provider({}, { weight: 0.5 })?.weight).toBe(0.5);
    expect(provider({ weight: '0' })?.weight).toBe(0);
    expect(provider({ weight: 'heavy' })?.weight).toBe(0);
  });

  test('a weight in the metadata of a service that is not Dubbo’s is not touched', () => {
    expect(record('orders', { metadata: { weight: '200' } }).endpoints[0]?.weight).toBe(1);
  });

  test.each([
    ['dubbo', 'tcp'],
    ['tri', 'grpc'],
    ['rest', 'http'],
    [undefined, 'tcp'],
  ])('protocol %p is %s', (protocol, mesh) => {
    expect(provider(protocol === undefined ? {} : { protocol })?.protocol).toBe(mesh);
  });

  test('a provider that is disabled in its parameters gets nothing, and an unhealthy one stays unhealthy', () => {
    expect(provider({ disabled: 'true' })?.health).toBe('disabled');
    expect(provider({ disabled: 'true' }, { healthy: false })?.health).toBe('unhealthy');
  });

  test('consumers, routers and configurators are no services, and are counted', () => {
    const names = ['orders', 'providers:a.B::', 'consumers:a.B::', 'routers:a.B::', 'configurators:a.B::'];
    expect(names.filter(isCallable)).toEqual(['orders', 'providers:a.B::']);
    expect(notCallable(scope, names)).toMatchObject({
      code: 'service.not-callable',
      where: 'shop/public/DEFAULT_GROUP',
      what: '3 of 5 names are lists of Dubbo’s (consumers:, routers:, configurators:), no services',
    });
    expect(notCallable(scope, ['orders'])).toBeUndefined();
  });
});
