import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { buildRecord } from '../build-record.ts';
import { meshHostName } from '../mesh-host-name.ts';
import { applicationEndpoints, isDubboApplication } from './dubbo-endpoints.ts';
import { dubboWeight, instanceOfProvider, isDubboDisabled } from './dubbo-instance.ts';
import { dubboCategory, dubboServiceName } from './dubbo-service.ts';
import { parseDubboUrl } from './dubbo-url.ts';

function endpointOf(text: string) {
  const parsed = parseDubboUrl(text);
  if (!('url' in parsed)) throw new Error(parsed.problem);
  const key = { source: parseSourceId('dubbo'), namespace: '', group: '', name: 'providers:a.B::' };
  const result = buildRecord(key, meshHostName([key.name], 'zookeeper'), [instanceOfProvider(parsed.url)]);
  if (!('record' in result)) throw new Error(result.rejected.what);
  return { endpoint: result.record.endpoints[0], codes: result.record.diagnostics.map((d) => d.code) };
}

describe('a provider of Dubbo as an instance', () => {
  test.each([
    ['200', 2],
    ['100', 1],
    ['50', 0.5],
    ['1', 0.01],
    ['0', 0],
    [undefined, 1],
    ['-5', -0.05],
    ['', Number.NaN],
    ['heavy', Number.NaN],
  ])('weight %p is %p: Dubbo’s 100 is normal', (text, weight) => {
    expect(dubboWeight(text)).toBe(weight);
  });

  test.each(['heavy', '-5', ''])('a weight of %p gets nothing, and a diagnostic', (weight) => {
    const { endpoint, codes } = endpointOf(`dubbo://10.0.0.1:20880/a.B?weight=${weight}`);
    expect(endpoint?.weight).toBe(0);
    expect(codes).toContain('weight.invalid');
  });

  test.each([
    ['dubbo', 'tcp'],
    ['tri', 'grpc'],
    ['rest', 'http'],
    ['hessian', 'http'],
    ['grpc', 'grpc'],
    ['rmi', 'tcp'],
    ['thrift', 'tcp'],
  ])('%s is %s to the mesh', (protocol, mesh) => {
    const { endpoint, codes } = endpointOf(`${protocol}://10.0.0.1:20880/a.B`);
    expect(endpoint?.protocol).toBe(mesh);
    expect(codes).toEqual([]);
  });

  test('an unknown protocol is TCP, and says so', () => {
    const { endpoint, codes } = endpointOf('avian://10.0.0.1:20880/a.B');
    expect(endpoint?.protocol).toBe('tcp');
    expect(codes).toEqual(['port.unknown-protocol']);
  });

  test('methods are neither label nor metadata, and lists that are no labels are kept for explain only', () => {
    const { endpoint, codes } = endpointOf(
      'dubbo://10.0.0.1:20880/a.B?methods=add,hi&prefer.serialization=hessian2,fastjson2&release=3.3.5&timestamp=1795245771727&zone=az-1',
    );
    expect(endpoint?.labels).toEqual({ protocol: 'dubbo', release: '3.3.5', zone: 'az-1' });
    expect(endpoint?.metadata).toMatchObject({ 'prefer.serialization': 'hessian2,fastjson2', timestamp: '1795245771727' });
    expect(endpoint?.metadata['methods']).toBeUndefined();
    expect(endpoint?.locality.zone).toBe('az-1');
    expect(codes).toEqual([]);
  });

  test.each([
    [{ disabled: 'true' }, true],
    [{ disabled: 'false', enabled: 'false' }, false],
    [{ enabled: 'false' }, true],
    [{ enabled: 'true' }, false],
    [{}, false],
  ])('%p: disabled is %p', (parameters, disabled) => {
    expect(isDubboDisabled(parameters)).toBe(disabled);
  });
});

describe('an application of Dubbo 3', () => {
  test('has an endpoint for each of its protocols', () => {
    const text = '[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]';
    expect(applicationEndpoints({ 'dubbo.endpoints': text }, 1)).toEqual([
      { port: 20880, protocol: 'dubbo' },
      { port: 50051, protocol: 'tri' },
    ]);
  });

  test.each(['', '[]', '[{"port":1', '{}', '[1,null]', 'null', undefined])('with endpoints %p is at its own port', (text) => {
    expect(applicationEndpoints({ 'dubbo.endpoints': text }, 20881)).toEqual([{ port: 20881, protocol: 'dubbo' }]);
  });

  test('is told from others by its metadata', () => {
    expect(isDubboApplication({ 'dubbo.metadata.revision': 'x' })).toBe(true);
    expect(isDubboApplication({ 'dubbo.endpoints': '[]' })).toBe(true);
    expect(isDubboApplication({ version: '1' })).toBe(false);
  });
});

describe('the name of a service of Dubbo', () => {
  test('is the one that it has in Nacos', () => {
    expect(dubboServiceName({ interfaceName: 'a.B', version: '1.0.0', group: '' })).toBe('providers:a.B:1.0.0:');
  });

  test.each([
    ['providers:a.B:1.0.0:g', 'providers'],
    ['consumers:a.B::', 'consumers'],
    ['routers:a.B::', 'routers'],
    ['configurators:a.B::', 'configurators'],
    ['orders', undefined],
    ['providers', undefined],
    ['providers:8080', undefined],
    ['constructor:a:b', undefined],
  ])('%s is of the list %p', (name, category) => {
    expect(dubboCategory(name)).toBe(category);
  });
});
