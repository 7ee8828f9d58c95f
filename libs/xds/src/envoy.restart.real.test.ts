import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { RealEnvoy, sum } from './testing/real-envoy.ts';
import type { ApiType } from './testing/real-envoy.ts';
import type { ResourceChange } from './snapshot-store.ts';
import { CDS, EDS, RDS } from './type-urls.ts';

jest.setTimeout(180_000); // a version of Envoy may have to be fetched first

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

/** With other clusters for each `n`. */
const state = (n: number, bad = false): ResourceChange[] => [
  cluster(`orders-v${n}`),
  endpoints(`orders-v${n}`, [bench.ports[n % 2]!]),
  cluster('payments'),
  endpoints('payments', [bench.ports[0]]),
  listener('egress', bench.egress, 'routes', bad ? `bad-${n}` : '1', bad),
  route('routes', { orders: `orders-v${n}`, payments: 'payments' }),
];

const VERSIONS = ['1.36.4', '1.40.0'];
const TRANSPORTS: readonly ApiType[] = ['GRPC', 'DELTA_GRPC'];
const all = VERSIONS.flatMap((version) => TRANSPORTS.map((apiType) => [version, apiType] as const));

test.each(all)(
  'no call fails when a killed server comes back and has other clusters (Envoy %s, %s)',
  async (version, apiType) => {
    bench.store.commit(state(0));
    await bench.listen();
    await bench.connect({ version, apiType });
    await bench.until('a call arrives', async () => (await bench.call('orders')) === 'one');
    const calls = bench.load('orders');
    for (let n = 1; n <= 5; n += 1) {
      await bench.restart(state(n));
      await bench.until('it is back and has taken all', () => [CDS, EDS, RDS].every((type) => bench.acked(type)), 30_000);
      await bench.until('the old cluster is gone', async () => sum(await bench.stats('cluster_manager.active_clusters')) === 3);
    }
    const { one = 0, two = 0, ...failed } = await calls.stop();
    process.stdout.write(bench.firstFailure());
    expect(failed).toEqual({});
    expect(Math.min(one, two)).toBeGreaterThan(0);
    expect(sum(await bench.stats('cluster_manager.warming_clusters'))).toBe(0);
    expect(sum(await bench.stats('update_rejected'))).toBe(0);
  },
);

test.each(all)(
  'no call fails when a server is killed again while its clients come back and their clusters warm (Envoy %s, %s)',
  async (version, apiType) => {
    bench.store.commit(state(0));
    await bench.listen();
    await bench.connect({ version, apiType });
    await bench.until('a call arrives', async () => (await bench.call('orders')) === 'one');
    const calls = bench.load('orders');
    const refused = async () => sum(await bench.stats('lds.update_rejected'));
    for (let n = 1; n <= 9; n += 3) {
      for (const again of [0, 1]) {
        const before = await refused();
        // As long as it has not accepted all, it is to keep its old clusters: they warm until the next server comes.
        await bench.restart(state(n + again, true));
        await bench.until('it is back', async () => (await refused()) > before, 30_000);
      }
      await bench.restart(state(n + 2));
      // It waits for a word about clusters, and meanwhile something changes that neither clusters nor routes depend on.
      await bench.until('it asks', () => bench.ads.clients().some(({ types }) => types.some(({ type }) => type === RDS)));
      bench.store.commit([endpoints('payments', [bench.ports[1]])]);
      await bench.until('it is back and has taken all', () => [CDS, EDS, RDS].every((type) => bench.acked(type)), 30_000);
      await bench.until(
        'only what there is is left',
        async () => sum(await bench.stats('cluster_manager.active_clusters')) === 3,
      );
    }
    const { one = 0, two = 0, ...failed } = await calls.stop();
    process.stdout.write(bench.firstFailure());
    expect(failed).toEqual({});
    expect(Math.min(one, two)).toBeGreaterThan(0);
    expect(sum(await bench.stats('cluster_manager.warming_clusters'))).toBe(0);
  },
);
