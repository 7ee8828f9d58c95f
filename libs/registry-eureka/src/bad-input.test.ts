import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parseSourceId, takesTraffic } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeEureka } from './testing/fake-eureka.ts';
import type { ScriptedAnswer } from './testing/fake-eureka.ts';
import { openEureka } from './testing/scripted-harness.ts';
import { wireInstance } from './testing/wire-instance.ts';
import type { WireInstance } from './testing/wire-instance.ts';

jest.setTimeout(30_000);

const scope = { source: parseSourceId('old'), namespace: '', group: '' };

/** The list of a server that has these applications; entries may be raw bytes. */
function list(...applications: readonly (string | Buffer)[]): Buffer {
  const commas = applications.flatMap((application, index) => [Buffer.from(index === 0 ? '' : ','), Buffer.from(application)]);
  return Buffer.concat([
    Buffer.from('{"applications":{"versions__delta":"1","apps__hashcode":"UP_2_","application":['),
    ...commas,
    Buffer.from(']}}'),
  ]);
}

const app = (name: string, ...instances: readonly unknown[]) => JSON.stringify({ name, instance: instances });
const good = wireInstance('good', { address: '10.0.0.1', port: 8_001 });

function hundredMegabytes(): Buffer {
  const one = app('large', { ...good, metadata: { pad: 'x'.repeat(999_000) } });
  return list(...Array.from({ length: 100 }, () => one));
}

describe('bad input from Eureka', () => {
  const fake = new FakeEureka();
  let view: Collector;

  beforeEach(async () => {
    fake.forgetEverything();
    fake.script('full', undefined);
    fake.script('delta', undefined);
    await fake.start();
  });
  afterEach(async () => {
    await view.stop();
    await fake.stop();
    expect(view.violations).toEqual([]);
  });

  /** Registers `good` beside it and waits until that has arrived. */
  const watchBeside = async (...instances: readonly WireInstance[]) => {
    fake.register(good);
    for (const instance of instances) fake.register(instance);
    view = collect(openEureka([fake.url], { maxAnswerMegabytes: 64 }));
    await view.until('the good service', (v) => v.has('good') && v.status(scope)?.state === 'live');
  };
  const codesOf = (name: string) =>
    [...view.services.values()]
      .filter(({ key }) => key.name === name)
      .flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code));

  test('a service name that is no DNS name costs that service and says so', async () => {
    await watchBeside(wireInstance('???', { address: '10.0.0.2', port: 80 }));
    await view.until('the diagnostic', (v) => v.diagnostics(scope).length > 0);
    expect(view.diagnostics(scope)[0]).toMatchObject({ code: 'host.invalid', where: expect.stringContaining('%3F') });
    expect(view.has('???')).toBe(false);
  });

  test.each([
    ['0.0.0.0', { ipAddr: '0.0.0.0', hostName: '0.0.0.0' }, 'address.invalid'],
    ['port 0', { port: { $: 0, '@enabled': 'true' } }, 'port.invalid'],
    ['port 70000', { port: { $: 70_000, '@enabled': 'true' } }, 'port.invalid'],
    ['no open port', { port: { $: 80, '@enabled': 'false' } }, 'port.invalid'],
  ])('an instance with %s costs that instance', async (_, wrong, code) => {
    const bad = { ...wireInstance('mixed', { address: '10.0.0.2', port: 80 }), ...wrong };
    await watchBeside(bad, wireInstance('mixed', { address: '10.0.0.3', port: 80 }));
    expect(view.endpoints('mixed').map(({ address }) => address)).toEqual(['10.0.0.3']);
    expect(codesOf('mixed')).toEqual([code]);
  });

  test('an instance that is a host name is a DNS endpoint', async () => {
    await watchBeside({ ...wireInstance('named', { address: '10.0.0.2', port: 80 }), ipAddr: '', hostName: 'pod-1.example' });
    expect(view.endpoints('named')).toMatchObject([{ address: 'pod-1.example', addressType: 'dns' }]);
    expect(codesOf('named')).toEqual(['address.hostname']);
  });

  test.each([
    [-1, 0, ['label.changed', 'weight.invalid']],
    [0, 0, []],
    [0.5, 0.5, []],
    [Number.NaN, 0, ['weight.invalid']],
    [1e9, 10_000, ['weight.clamped']],
  ])('a weight of %s becomes %s', async (weight, becomes, codes) => {
    await watchBeside(wireInstance('weighted', { address: '10.0.0.2', port: 80, weight }));
    const [endpoint] = view.endpoints('weighted');
    expect(endpoint?.weight).toBe(becomes);
    expect(endpoint && takesTraffic(endpoint)).toBe(becomes > 0);
    expect([...codesOf('weighted')].sort()).toEqual(codes);
  });

  test('metadata of 100 kB or with control characters costs the metadata', async () => {
    await watchBeside(
      wireInstance('large', { address: '10.0.0.2', port: 80, metadata: { note: 'x'.repeat(100_000) } }),
      wireInstance('control', { address: '10.0.0.3', port: 80, metadata: { note: 'a\u0000b', fine: 'yes' } }),
    );
    expect(view.endpoints('large')).toMatchObject([{ metadata: {} }]);
    expect(codesOf('large')).toEqual(['metadata.too-large']);
    expect(view.endpoints('control')).toMatchObject([{ metadata: { fine: 'yes' } }]);
    expect(codesOf('control')).toEqual(['metadata.invalid']);
  });

  test('two instances with one address are one endpoint, and both are named', async () => {
    await watchBeside(
      { ...wireInstance('twice', { address: '10.0.0.2', port: 80 }), instanceId: 'one' },
      { ...wireInstance('twice', { address: '10.0.0.2', port: 80 }), instanceId: 'two' },
    );
    expect(view.endpoints('twice')).toHaveLength(1);
    expect(codesOf('twice')).toEqual(['endpoint.duplicate']);
  });

  test('fields that we do not know are ignored, wherever they are', async () => {
    await watchBeside({ ...wireInstance('future', { address: '10.0.0.2', port: 80 }), quantum: { entangled: [1, { a: null }] } });
    expect(view.endpoints('future')).toHaveLength(1);
    expect(codesOf('future')).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"name":"bad","instance":[{"instanceId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}]}')]),
      'text.invalid',
    ],
    ['broken JSON of its own', Buffer.from('{"name":"bad","instance":[{"instanceId":nope}]}'), 'answer.invalid'],
    [
      'more than 16 MiB',
      Buffer.from(app('bad', { instanceId: 'a', metadata: { x: 'x'.repeat(17 * 1024 * 1024) } })),
      'answer.too-large',
    ],
  ])('an application with %s costs that application: what was known of it stays', async (_, bytes, code) => {
    fake.register(wireInstance('bad', { address: '10.0.0.9', port: 8_009 }));
    await watchBeside();
    expect(view.endpoints('bad')).toHaveLength(1);
    fake.script('full', { body: list(app('good', good, wireInstance('good', { address: '10.0.0.4', port: 8_004 })), bytes) });
    fake.hashOverride = 'UP_17_'; // makes the source read everything again
    await view.until('the new instance of the good service', (v) => v.endpoints('good').length === 2);
    await view.until('partial', (v) => v.status(scope)?.state === 'partial');
    fake.hashOverride = undefined;
    expect(view.endpoints('bad').map(({ port }) => port)).toEqual([8_009]);
    expect(view.diagnostics(scope)).toMatchObject([{ code, where: 'old///bad' }]);
  });

  const whole = list(app('good', good));
  test.each<[string, ScriptedAnswer, 'answer.invalid' | 'answer.too-large']>([
    [
      'an HTML login page with status 200',
      { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' },
      'answer.invalid',
    ],
    ['a truncated JSON body', { body: whole.subarray(0, whole.length - 20) }, 'answer.invalid'],
    ['an answer of 100 MB where 64 MiB are allowed', { body: hundredMegabytes() }, 'answer.too-large'],
    ['JSON of something else', { body: '{"timestamp":"now","status":200}' }, 'answer.invalid'],
    ['damaged gzip', { headers: { 'content-encoding': 'gzip' }, body: 'no gzip at all' }, 'answer.invalid'],
    ['an encoding that nobody asked for', { headers: { 'content-encoding': 'br' }, body: 'x' }, 'answer.invalid'],
  ])('%s is a stale registry with a diagnostic, and never a delete', async (_, answer, code) => {
    await watchBeside();
    fake.script('delta', answer);
    fake.script('full', answer);
    await view.until('stale', (v) => v.status(scope)?.state === 'stale', 20_000);
    await view.until('the diagnostic', (v) => v.diagnostics(scope).length > 0);
    expect(view.diagnostics(scope)[0]).toMatchObject({ code, what: expect.stringContaining(fake.url) });
    expect(view.endpoints('good')).toHaveLength(1);
    fake.script('delta', undefined);
    fake.script('full', undefined);
    await view.until('live', (v) => v.status(scope)?.state === 'live');
    expect(view.diagnostics(scope)).toEqual([]);
  });

  test('a connection that is cut in the middle of the list changes nothing', async () => {
    await watchBeside();
    fake.script('delta', { status: 404 });
    fake.script('full', {
      body: list(app('other', wireInstance('other', { address: '10.0.0.5', port: 80 }))).subarray(0, 300),
      cut: true,
    });
    await view.until('stale', (v) => v.status(scope)?.state === 'stale');
    expect([view.has('good'), view.has('other')]).toEqual([true, false]);
  });
});
