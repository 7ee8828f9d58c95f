import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { RealEnvoy, sum } from './testing/real-envoy.ts';
import type { ApiType } from './testing/real-envoy.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

jest.setTimeout(180_000); // a version of Envoy may have to be fetched first

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

// The oldest that is supported, one in between, and the newest.
const VERSIONS = ['1.36.4', '1.38.3', '1.40.0'];
const TRANSPORTS: readonly ApiType[] = ['GRPC', 'DELTA_GRPC'];
const all = VERSIONS.flatMap((version) => TRANSPORTS.map((apiType) => [version, apiType] as const));

describe.each(all)('a real Envoy (%s, %s)', (version, apiType) => {
  beforeEach(async () => {
    bench.store.commit([
      cluster('orders', '1', 'orders-endpoints'),
      endpoints('orders-endpoints', [bench.ports[0]]),
      listener('egress', bench.egress, 'routes'),
      route('routes', { orders: 'orders' }),
    ]);
    await bench.listen();
    await bench.connect({ version, apiType });
    await bench.until('a call arrives', async () => (await bench.call('orders')) === 'one');
  });

  test('takes all four types and routes by them', async () => {
    const { ads } = bench;
    await bench.until('all is acknowledged', () => [CDS, EDS, LDS, RDS].every((type) => bench.acked(type)));
    expect(sum(await bench.stats('update_rejected'))).toBe(0);
    const dump = await bench.admin('/config_dump?include_eds');
    for (const name of ['orders-endpoints', 'egress', 'routes']) expect(dump).toContain(`"${name}"`);
    expect(ads.clients()).toMatchObject([{ node: 'web', userAgent: `envoy ${version}`, foreignNonces: 0 }]);
    expect(ads.config('web')!.types.map(({ resources }) => resources.map(({ name }) => name))).toEqual([
      ['orders'],
      ['orders-endpoints'],
      ['egress'],
      ['routes'],
    ]);
  });

  test('follows a change of endpoints', async () => {
    bench.store.commit([endpoints('orders-endpoints', [bench.ports[1]])]);
    await bench.until('calls go to the new one', async () => (await bench.call('orders')) === 'two');
    bench.store.commit([endpoints('orders-endpoints', bench.ports)]);
    await bench.until('it is taken', () => bench.acked(EDS));
    const clusters = await bench.admin('/clusters');
    for (const port of bench.ports) expect(clusters).toContain(`orders::127.0.0.1:${port}::`);
  });

  test('goes on with its last good listener when it rejects the next, and says why', async () => {
    const { ads, store } = bench;
    store.commit([listener('egress', bench.egress, 'routes', '2', true)]);
    const lds = () => ads.clients()[0]!.types.find(({ type }) => type === LDS)!;
    await bench.until('the rejection is seen', () => lds().nack !== undefined);
    expect(lds().nack).toMatchObject({
      version: store.version(LDS),
      message: expect.stringContaining('no.such.Filter'),
      names: ['egress'],
    });
    expect(await bench.call('orders')).toBe('one');
    const rejected = await bench.stats('listener_manager.lds.update_rejected');
    store.commit([endpoints('orders-endpoints', [bench.ports[1]])]);
    await bench.until('calls go to the new one', async () => (await bench.call('orders')) === 'two');
    // No resend loop: it was sent and rejected once.
    expect(await bench.stats('listener_manager.lds.update_rejected')).toEqual(rejected);
    expect(sum(rejected)).toBe(1);
    store.commit([listener('egress', bench.egress, 'routes', '3')]);
    await bench.until('the good one is taken', () => bench.acked(LDS));
    expect(ads.clients()[0]!.types.every(({ nack }) => nack === undefined)).toBe(true);
  });

  test('warms a changed cluster although its endpoints did not change', async () => {
    bench.store.commit([cluster('orders', '2', 'orders-endpoints')]);
    await bench.until('it is taken', async () => sum(await bench.stats('cluster.orders-2.membership_healthy')) === 1);
    await bench.until('it does not warm', async () => sum(await bench.stats('cluster_manager.warming_clusters')) === 0);
    expect(await bench.call('orders')).toBe('one');
  });

  test('loses no call while services are replaced', async () => {
    const calls = bench.load('orders');
    let old = 'orders';
    for (let i = 0; i < 20; i += 1) {
      const next = `orders-v${i}`;
      bench.store.commit([
        { type: CDS, name: old, resource: undefined },
        { type: EDS, name: i === 0 ? 'orders-endpoints' : old, resource: undefined },
        cluster(next),
        endpoints(next, [bench.ports[i % 2]!]),
        route('routes', { orders: next }),
      ]);
      old = next;
      await bench.until('it is taken', () => bench.acked(CDS) && bench.acked(RDS));
    }
    await bench.until('the old ones are gone', () => bench.ads.config('web')!.types[0]!.resources.length === 1);
    const { one = 0, two = 0, ...failed } = await calls.stop();
    expect(failed).toEqual({});
    expect(one).toBeGreaterThan(0);
    expect(two).toBeGreaterThan(0);
    await bench.until('Envoy dropped them', async () => sum(await bench.stats('cluster_manager.active_clusters')) === 2);
  });

  test('keeps its traffic while the server is gone, reconnects, and takes what changed meanwhile', async () => {
    const calls = bench.load('orders');
    const port = bench.ads.port!;
    await bench.ads.close();
    bench.store.commit([
      cluster('orders', '2', 'orders-endpoints'),
      endpoints('orders-endpoints', [bench.ports[1]]),
      cluster('payments'),
      endpoints('payments', [bench.ports[0]]),
      route('routes', { orders: 'orders', payments: 'payments' }),
    ]);
    const before = calls.answers['one'] ?? 0;
    await bench.until('calls still arrive', () => (calls.answers['one'] ?? 0) > before + 20);
    await bench.listen(port);
    await bench.until('calls go to the new one', () => (calls.answers['two'] ?? 0) > 0, 30_000);
    await bench.until('the new service is there', async () => (await bench.call('payments')) === 'one');
    const { one: _, two: __, ...failed } = await calls.stop();
    expect(failed).toEqual({});
    expect(sum(await bench.stats('cluster_manager.warming_clusters'))).toBe(0);
    expect(sum(await bench.stats('update_rejected'))).toBe(0);
  });
});
