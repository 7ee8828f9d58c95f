import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ApiConfigSource_ApiType } from '@isthmus/proto/envoy';
import { cluster, endpoints } from './testing/envoy-resources.ts';
import { RealEnvoy } from './testing/real-envoy.ts';
import { CDS } from './type-urls.ts';

jest.setTimeout(60_000);

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

/** Longer than a test: who waits for it fails. */
const TIMEOUT = '120s';

const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;

/** A listener of the bootstrap that takes the cluster's name from a header, and asks for what it does not know. */
function listener(port: number, source: object): object {
  const onDemand = { '@type': type('http.on_demand.v3.OnDemand'), odcds: { source, timeout: TIMEOUT } };
  return {
    name: 'on-demand',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
              stat_prefix: 'on-demand',
              route_config: {
                name: 'local',
                virtual_hosts: [
                  { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }] },
                ],
              },
              http_filters: [
                { name: 'envoy.filters.http.on_demand', typed_config: onDemand },
                { name: 'router', typed_config: { '@type': type('http.router.v3.Router') } },
              ],
            },
          },
        ],
      },
    ],
  };
}

// Not 1.36 with a stream of its own: it hears of the first name only (envoy#30305).
describe.each([
  ['1.40.0', true],
  ['1.36.4', false],
  ['1.40.0', false],
] as const)('clusters on demand (Envoy %s, stream of its own: %s)', (version, apart) => {
  test('come when a request needs them; one that there is not fails at once; the others never come', async () => {
    const api = apart ? ApiConfigSource_ApiType.DELTA_GRPC : undefined;
    bench.store.commit([
      cluster('orders', '1', 'orders', api),
      endpoints('orders', [bench.ports[0]]),
      cluster('payments', '1', 'payments', api),
      endpoints('payments', [bench.ports[1]]),
      cluster('unwanted', '1', 'unwanted', api),
    ]);
    await bench.listen();
    await bench.connect({
      version,
      apiType: 'DELTA_GRPC',
      apart,
      onDemand: true,
      bootstrap: ({ egress, ads }, source) => ({
        static_resources: { clusters: [bench.xdsCluster(ads.port!)], listeners: [listener(egress, source)] },
      }),
    });
    const call = (name: string) => bench.call('any', '/', { 'x-cluster': name });
    expect(await call('orders')).toBe('one');
    expect(await call('missing')).toBe('503');
    expect(await call('payments')).toBe('two');
    expect(await call('orders')).toBe('one');
    const asked = bench.ads.clients().flatMap(({ types }) => types.filter((one) => one.type === CDS));
    expect(asked).toMatchObject([{ wildcard: false }]);
    // What is missing is sent when it comes to exist, since it is still subscribed.
    bench.store.commit([cluster('missing', '1', 'missing', api), endpoints('missing', [bench.ports[0]])]);
    await bench.until('it is there', async () => (await call('missing')) === 'one');
  });
});
