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

/** The server was killed, and what came meanwhile is the first that its clients hear of: they have routes that move. */
test.each(all)('they wait as well as Envoy comes back (%s, %s)', async (version, apiType) => {
  const refused = { count: 0 };
  const onEvent = (event: XdsEvent): void => {
    if (event.kind === 'nacked' && event.type === EDS) refused.count += 1;
  };
  const before = [
    ...[cluster('one'), endpoints('one', [bench.ports[0]])],
    ...[listener('egress', bench.egress, 'routes'), route('routes', { orders: 'one' })],
  ];
  bench.store.commit(before);
  await bench.listen();
  await bench.connect({ version, apiType });
  await bench.until('calls arrive', async () => (await bench.call('orders')) === 'one');
  await bench.until('all is answered', () => [CDS, EDS, RDS].every((type) => bench.acked(type)));

  const calls = bench.load('orders');
  const meanwhile = [cluster('two'), endpoints('two', [bench.ports[1]], 'not-an-address'), route('routes', { orders: 'two' })];
  await bench.restart([...before, ...meanwhile], { onEvent });
  await bench.until('it has refused them', () => refused.count > 0, 30_000);
  const { one = 0 } = calls.answers;
  await bench.until('calls go on', () => (calls.answers['one'] ?? 0) > one + 20 || Object.keys(calls.answers).length > 1);
  bench.store.commit([endpoints('two', [bench.ports[1]])]);
  await bench.until('calls go to the new one', () => (calls.answers['two'] ?? 0) > 0);
  const { one: _, two: __, ...failed } = await calls.stop();
  expect(failed).toEqual({});
});

/**
 * Not sending them again would spare the refusal and leave the cluster with the endpoints that it had. But it would warm without end,
 * and Envoy answers CDS only when nothing warms: no other cluster would get there any more.
 */
test.each(all)('a changed cluster is sent refused endpoints once more, and Envoy goes on (%s, %s)', async (version, apiType) => {
  const said: string[] = [];
  const onEvent = (event: XdsEvent): void => {
    if ('type' in event && event.type !== RDS) said.push(`${event.kind} ${event.type.slice(event.type.lastIndexOf('.') + 1)}`);
  };
  bench.store.commit([
    ...[cluster('one'), endpoints('one', [bench.ports[0]])],
    ...[listener('egress', bench.egress, 'routes'), route('routes', { orders: 'one' })],
  ]);
  await bench.listen(0, { onEvent });
  await bench.connect({ version, apiType });
  await bench.until('calls arrive', async () => (await bench.call('orders')) === 'one');
  bench.store.commit([endpoints('one', [bench.ports[0]], 'not-an-address')]);
  await bench.until('they are refused', () => said.includes('nacked ClusterLoadAssignment'));
  expect(await bench.call('orders')).toBe('one');

  said.length = 0;
  bench.store.commit([cluster('one', '2')]);
  await bench.until('the cluster is answered', () => bench.acked(CDS));
  await bench.until('they are refused again', () => said.includes('nacked ClusterLoadAssignment'));
  expect(said).toEqual(['pushed Cluster', 'pushed ClusterLoadAssignment', 'acked Cluster', 'nacked ClusterLoadAssignment']);
  expect(await bench.stats('cluster_manager.warming_clusters')).toEqual({ 'cluster_manager.warming_clusters': 0 });
  await bench.until('what it had is gone', async () => (await bench.call('orders')) === '503');

  bench.store.commit([endpoints('one', [bench.ports[0]])]);
  await bench.until('calls arrive again', async () => (await bench.call('orders')) === 'one');
});
