import { afterEach, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import type { DiagnosticCode } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { nacosConfigSchema } from './config.ts';
import { NacosSource } from './source.ts';
import { testTiming } from './testing/fake-harness.ts';
import { FakeNacos } from './testing/fake-nacos.ts';
import { defaultTiming } from './timing.ts';

const id = parseSourceId('shop');
const scope = { source: id, namespace: 'public', group: 'DEFAULT_GROUP' };
const service = (name: string) => ({ namespace: 'public', group: 'DEFAULT_GROUP', name });
const good = [{ ip: '10.0.0.1', port: 80 }];
const hundredMegabytes = () => Buffer.alloc(100 * 1024 * 1024, ' ');
const open: (() => Promise<unknown>)[] = [];

async function start(prepare: (fake: FakeNacos) => void, api: 'grpc' | 'http' = 'grpc', limit = 1024 * 1024) {
  const fake = await FakeNacos.start({ httpOnly: api === 'http' });
  fake.set(service('good'), good);
  prepare(fake);
  const config = nacosConfigSchema.parse({
    name: id,
    kind: 'nacos',
    servers: [fake.url],
    api,
    groups: ['DEFAULT_GROUP'],
    listInterval: '200ms',
    restartGrace: '1s',
  });
  const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
  const view = collect(new NacosSource(id, config, deps, { ...testTiming, mostMessageBytes: limit }));
  open.push(
    () => view.stop(),
    () => fake.down(),
  );
  await view.until('the good service', (v) => v.has('good'));
  return { fake, view };
}

const live = (view: Collector) => view.until('live', (v) => v.status(scope)?.state === 'live');
const said = (view: Collector, code: DiagnosticCode, where: string) =>
  view.until(`${code} of ${where}`, (v) => v.diagnostics(scope).some((d) => d.code === code && d.where.endsWith(where)));
const recordCodes = (view: Collector, name: string) =>
  [...view.services.values()].find((record) => record.key.name === name)?.diagnostics.map((d) => d.code);

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

describe('bad input from Nacos over gRPC', () => {
  test.each([
    ['an address of 0.0.0.0', { ip: '0.0.0.0', port: 80 }, 'address.invalid', 0],
    ['a host name', { ip: 'db.example.test', port: 80 }, 'address.hostname', 1],
    ['port 0', { ip: '10.0.0.2', port: 0 }, 'port.invalid', 0],
    ['port 70000', { ip: '10.0.0.2', port: 70_000 }, 'port.invalid', 0],
    ['weight -1', { ip: '10.0.0.2', port: 80, weight: -1 }, 'weight.invalid', 1],
    ['weight "NaN"', { ip: '10.0.0.2', port: 80, weight: 'NaN' }, 'weight.invalid', 1],
    ['weight 1e9', { ip: '10.0.0.2', port: 80, weight: 1e9 }, 'weight.clamped', 1],
    ['metadata of 100 kB', { ip: '10.0.0.2', port: 80, metadata: { big: 'x'.repeat(100_000) } }, 'metadata.too-large', 1],
    ['control characters in metadata', { ip: '10.0.0.2', port: 80, metadata: { bell: '\u0007' } }, 'metadata.invalid', 1],
    ['metadata that is no object', { ip: '10.0.0.2', port: 80, metadata: 'x' }, 'metadata.invalid', 1],
  ])('an instance with %s is said on its record and costs nothing else', async (_, instance, code, endpoints) => {
    const { view } = await start((fake) => fake.set(service('bad'), [instance, { ip: '10.0.0.9', port: 90 }]));
    await live(view);
    expect(recordCodes(view, 'bad')).toEqual([code]);
    expect(view.endpoints('bad')).toHaveLength(endpoints + 1);
    expect(view.endpoints('good')).toHaveLength(1);
  });

  test('weights 0 and 0.5 are kept as they are', async () => {
    const { view } = await start((fake) =>
      fake.set(service('weights'), [
        { ip: '10.0.0.2', port: 80, weight: 0 },
        { ip: '10.0.0.3', port: 80, weight: 0.5 },
      ]),
    );
    expect(view.endpoints('weights').map((endpoint) => endpoint.weight)).toEqual([0, 0.5]);
  });

  test('two instances with one address are one endpoint with a diagnostic', async () => {
    const { view } = await start((fake) =>
      fake.set(service('twice'), [
        { ip: '10.0.0.2', port: 80, clusterName: 'a' },
        { ip: '10.0.0.2', port: 80, clusterName: 'b' },
      ]),
    );
    expect(recordCodes(view, 'twice')).toEqual(['endpoint.duplicate']);
  });

  test('a service name that gives no DNS name is a diagnostic of the scope, the scope is live', async () => {
    const { view } = await start((fake) => fake.set(service('***'), good));
    await live(view);
    await said(view, 'host.invalid', 'DEFAULT_GROUP/***');
    expect(view.has('***')).toBe(false);
  });

  test.each([
    ['a truncated JSON body', Buffer.from('{"resultCode":200,"serviceInfo":{"hosts":[{"ip":"10.')],
    ['invalid UTF-8', Buffer.concat([Buffer.from('{"resultCode":200,"x":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])],
    ['an HTML page', Buffer.from('<!doctype html><title>Log in</title>')],
    ['no hosts', Buffer.from('{"resultCode":200,"serviceInfo":{"name":"bad"}}')],
    ['a JSON list', Buffer.from('[]')],
  ])('%s in answer to one service is said of that service, the scope is live', async (_, raw) => {
    const { view } = await start((fake) => {
      fake.set(service('bad'), good);
      fake.intercept = (_type, body) => (body['serviceName'] === 'bad' ? raw : undefined);
    });
    await live(view);
    await said(view, 'answer.invalid', 'DEFAULT_GROUP/bad');
    expect(view.has('bad')).toBe(false);
  });

  test('a service that turns unreadable keeps what was known of it, and mends when it is readable again', async () => {
    const { fake, view } = await start((f) => f.set(service('turns'), good));
    await view.until('turns', (v) => v.has('turns'));
    fake.push(
      'NotifySubscriberRequest',
      Buffer.from('{"requestId":"1","serviceInfo":{"name":"turns","groupName":"DEFAULT_GROUP"'),
    );
    fake.intercept = (_type, body) => (body['serviceName'] === 'turns' ? Buffer.from('{') : undefined);
    await said(view, 'answer.invalid', 'DEFAULT_GROUP');
    await said(view, 'answer.invalid', 'DEFAULT_GROUP/turns');
    expect(view.endpoints('turns')).toHaveLength(1);
    fake.intercept = () => undefined;
    fake.set(service('turns'), [...good, { ip: '10.0.0.2', port: 80 }]);
    await view.until('mended', (v) => v.diagnostics(scope).length === 0 && v.endpoints('turns').length === 2);
  });

  test('an answer above the limit is refused while it is read, and costs that service only', async () => {
    const { fake, view } = await start((f) =>
      f.set(service('huge'), [{ ip: '10.0.0.2', port: 80, metadata: { big: 'x'.repeat(2_000_000) } }]),
    );
    await live(view);
    await said(view, 'answer.too-large', 'DEFAULT_GROUP/huge');
    fake.set(service('good'), [...good, { ip: '10.0.0.2', port: 80 }]);
    await view.until('the good one changes', (v) => v.endpoints('good').length === 2);
    fake.set(service('huge'), good);
    await view.until('the huge one is small again', (v) => v.has('huge') && v.diagnostics(scope).length === 0);
  });

  test('100 MB are above the limit that everybody has', async () => {
    const huge = hundredMegabytes();
    const { view } = await start(
      (fake) => {
        fake.set(service('huge'), good);
        fake.intercept = (_type, body) => (body['serviceName'] === 'huge' ? huge : undefined);
      },
      'grpc',
      defaultTiming.mostMessageBytes,
    );
    await live(view);
    await said(view, 'answer.too-large', 'DEFAULT_GROUP/huge');
    expect([view.has('huge'), view.has('good')]).toEqual([false, true]);
  });

  test('a push above the limit loses the connection, not the services', async () => {
    const { fake, view } = await start((f) => f.set(service('grows'), good));
    await view.until('grows', (v) => v.has('grows'));
    fake.set(service('grows'), [{ ip: '10.0.0.2', port: 80, metadata: { big: 'x'.repeat(2_000_000) } }]);
    await said(view, 'answer.too-large', 'DEFAULT_GROUP/grows');
    await live(view);
    expect(view.endpoints('grows')).toHaveLength(1);
    expect(view.endpoints('good')).toHaveLength(1);
  });

  test('a listing that is no JSON makes the scope stale with a diagnostic, and nothing is deleted', async () => {
    const { fake, view } = await start(() => undefined);
    await live(view);
    fake.intercept = (type) => (type === 'ServiceListRequest' ? Buffer.from('<html>') : undefined);
    await view.until('stale', (v) => v.status(scope)?.state === 'stale');
    await said(view, 'answer.invalid', 'DEFAULT_GROUP');
    expect(view.has('good')).toBe(true);
    fake.intercept = () => undefined;
    await live(view);
    expect(view.diagnostics(scope)).toEqual([]);
  });

  test('fields that we do not know do not matter', async () => {
    const { view } = await start((fake) => {
      fake.intercept = (type) =>
        type === 'ServiceListRequest'
          ? Buffer.from('{"resultCode":200,"count":1,"serviceNames":["good",7],"new":{"a":[1]}}')
          : undefined;
    });
    await live(view);
    expect(view.diagnostics(scope)).toEqual([]);
  });
});

describe('bad input from Nacos over HTTP', () => {
  test('200 with an HTML login page is a stale scope, never an empty one', async () => {
    const { fake, view } = await start(() => undefined, 'http');
    await live(view);
    fake.interceptHttp = () => ({ status: 200, body: '<html>Please log in</html>', type: 'text/html' });
    await view.until('stale', (v) => v.status(scope)?.state === 'stale');
    expect(view.has('good')).toBe(true);
    fake.interceptHttp = () => undefined;
    await live(view);
  });

  test('an answer above the limit is refused while it is read, and costs that service only', async () => {
    const { view } = await start((f) => {
      f.set(service('huge'), [{ ip: '10.0.0.2', port: 80, metadata: { big: 'x'.repeat(2_000_000) } }]);
    }, 'http');
    await live(view);
    await said(view, 'answer.too-large', 'DEFAULT_GROUP/huge');
    expect(view.endpoints('good')).toHaveLength(1);
  });

  test.each<[string, Buffer, DiagnosticCode]>([
    ['a truncated answer', Buffer.from('{"hosts":[{'), 'answer.invalid'],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"hosts":[],"x":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
      'answer.invalid',
    ],
    ['an HTML login page', Buffer.from('<!doctype html><title>Log in</title>'), 'answer.invalid'],
    ['no hosts', Buffer.from('{"name":"bad"}'), 'answer.invalid'],
    ['100 MB', hundredMegabytes(), 'answer.too-large'],
  ])('%s about one service keeps what was known of it and costs no other, until it is readable again', async (_, body, code) => {
    const { fake, view } = await start((f) => f.set(service('bad'), good), 'http', defaultTiming.mostMessageBytes);
    await live(view);
    fake.interceptHttp = (path, query) =>
      path === '/v1/ns/instance/list' && query.get('serviceName')?.endsWith('@@bad') ? { status: 200, body } : undefined;
    fake.set(service('good'), [...good, { ip: '10.0.0.2', port: 80 }]);
    await said(view, code, 'DEFAULT_GROUP/bad');
    await view.until('the good one changes', (v) => v.endpoints('good').length === 2);
    expect(view.endpoints('bad')).toHaveLength(1);
    fake.interceptHttp = () => undefined;
    await view.until('mended', (v) => v.diagnostics(scope).length === 0);
  });
});
