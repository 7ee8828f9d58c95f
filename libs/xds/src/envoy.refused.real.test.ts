import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { RealEnvoy } from './testing/real-envoy.ts';
import { CDS, EDS, RDS } from './type-urls.ts';
import type { XdsEvent } from './xds-event.ts';

jest.setTimeout(180_000); // a version of Envoy may have to be fetched first

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

const all = ['1.36.4', '1.40.0'].flatMap((version) =>
  (['GRPC', 'DELTA_GRPC'] as const).map((apiType) => [version, apiType] as const),
);

/** Such endpoints end the warming of their cluster, with none, and Envoy answers CDS before it says so. */
test.each(all)('routes wait for a new cluster whose endpoints Envoy refuses (%s, %s)', async (version, apiType) => {
  const said: string[] = [];
  const mend = (): void => void bench.store.commit([endpoints('two', [bench.ports[1]])]);
  const onEvent = (event: XdsEvent): void => {
    if (!('type' in event)) return;
    said.push(`${event.kind} ${event.type.slice(event.type.lastIndexOf('.') + 1)}`);
    if (event.kind === 'nacked') setImmediate(mend);
  };
  bench.store.commit([
    ...[cluster('one'), endpoints('one', [bench.ports[0]])],
    ...[listener('egress', bench.egress, 'routes'), route('routes', { orders: 'one' })],
  ]);
  await bench.listen(0, { onEvent });
  await bench.connect({ version, apiType });
  await bench.until('calls arrive', async () => (await bench.call('orders')) === 'one');
  await bench.until('all is answered', () => [CDS, EDS, RDS].every((type) => bench.acked(type)));

  said.length = 0;
  const calls = bench.load('orders');
  bench.store.commit([cluster('two'), endpoints('two', [bench.ports[1]], 'not-an-address'), route('routes', { orders: 'two' })]);
  await bench.until('calls go to the new one', () => (calls.answers['two'] ?? 0) > 0);
  await bench.until('all is answered', () => said.at(-1) === 'acked RouteConfiguration');
  const { one: _, two: __, ...failed } = await calls.stop();
  expect(failed).toEqual({});
  expect(said).toEqual([
    ...['pushed Cluster', 'pushed ClusterLoadAssignment', 'acked Cluster', 'nacked ClusterLoadAssignment'],
    ...['pushed ClusterLoadAssignment', 'acked ClusterLoadAssignment', 'pushed RouteConfiguration', 'acked RouteConfiguration'],
  ]);
});
