import { afterEach, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import { nacosConfigSchema } from './config.ts';
import { NacosSource } from './source.ts';
import { testTiming } from './testing/fake-harness.ts';
import { FakeNacos } from './testing/fake-nacos.ts';

const id = parseSourceId('shop');
const service = { namespace: 'public', group: 'DEFAULT_GROUP', name: 'large' };
const instances = (count: number, weight = 1) =>
  Array.from({ length: count }, (_, n) => ({
    ip: `10.0.${n >> 8}.${n & 255}`,
    port: 80,
    weight,
    healthy: n % 2 === 0,
    metadata: { n: String(n) },
  }));
const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

describe.each(['grpc', 'http'] as const)('a service of 3,000 instances over %s', (api) => {
  async function start(prepare: (fake: FakeNacos) => void) {
    const fake = await FakeNacos.start({ httpOnly: api === 'http' });
    prepare(fake);
    const config = nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: [fake.url],
      api,
      groups: ['DEFAULT_GROUP'],
      listInterval: '200ms',
    });
    const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
    const view = collect(new NacosSource(id, config, deps, testTiming));
    open.push(
      () => view.stop(),
      () => fake.down(),
    );
    return { fake, view };
  }

  test('is read in a worker, as a small one is, and so are its changes', async () => {
    const { fake, view } = await start((f) => f.set(service, instances(3_000)));
    await view.until('all of it', (v) => v.endpoints('large').length === 3_000, 20_000);
    const first = view.endpoints('large')[0];
    expect(first).toMatchObject({ address: '10.0.0.0', health: 'healthy', weight: 1, metadata: { n: '0' } });
    const count = view.events.filter((event) => event.kind === 'upsert').length;
    fake.set(service, instances(3_000, 2));
    await view.until('the change', (v) => v.endpoints('large')[0]?.weight === 2, 20_000);
    expect(view.events.filter((event) => event.kind === 'upsert')).toHaveLength(count + 1);
    fake.set(service, instances(10));
    await view.until('small again', (v) => v.endpoints('large').length === 10, 20_000);
    expect(view.violations).toEqual([]);
  }, 60_000);

  test('whose health is rewritten by the protection threshold is asked for the truth', async () => {
    const { view } = await start((f) => {
      f.set(service, instances(3_000));
      f.store.protect(service, 0.6);
    });
    await view.until('all of it', (v) => v.endpoints('large').length === 3_000, 20_000);
    expect(view.endpoints('large').filter((endpoint) => endpoint.health === 'healthy')).toHaveLength(1_500);
  }, 60_000);

  test('in an answer that is cut off is a diagnostic', async () => {
    const body = JSON.stringify({ resultCode: 200, hosts: instances(10_000) }).slice(0, -5);
    const { view } = await start((f) => {
      f.set(service, instances(1));
      f.intercept = (_type, request) => (request['serviceName'] === 'large' ? Buffer.from(body) : undefined);
      f.interceptHttp = (path) => (path === '/v1/ns/instance/list' ? { status: 200, body } : undefined);
    });
    const scope = { source: id, namespace: 'public', group: 'DEFAULT_GROUP' };
    await view.until(
      'said',
      (v) => v.diagnostics(scope).some((d) => d.code === 'answer.invalid' && d.what.includes('cut off')),
      20_000,
    );
  }, 60_000);
});
