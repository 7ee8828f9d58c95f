import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { RealEnvoy } from './testing/real-envoy.ts';
import type { ResourceChange } from './snapshot-store.ts';
import { LDS } from './type-urls.ts';

jest.setTimeout(180_000); // a version of Envoy may have to be fetched first

let bench: RealEnvoy;
let link: RecordedLink;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(async () => {
  await bench.stop();
  await link?.close();
});

/** `orders` is `one` or `two`, by the route configuration that the listener names. */
const state = (to: 'one' | 'two', more: readonly ResourceChange[] = []): ResourceChange[] => [
  ...(['one', 'two'] as const).flatMap((name, i) => [cluster(name), endpoints(name, [bench.ports[i as 0 | 1]])]),
  route('to-one', { orders: 'one' }),
  route('to-two', { orders: 'two' }),
  listener('egress', bench.egress, `to-${to}`, to),
  ...more,
];

const all = ['1.36.4', '1.40.0'].flatMap((version) =>
  (['GRPC', 'DELTA_GRPC'] as const).map((apiType) => [version, apiType] as const),
);

/**
 * Envoy takes the good ones of a response that it rejects, and goes on naming the version from before it. So a state-of-the-world client
 * is answered although it names what there is (docs/adr/0004-xds-server.md), and a delta client is sent the good ones again.
 */
test.each(all)(
  'an Envoy that took half of a change and then comes to a server without that change goes by what is there (%s, %s)',
  async (version, apiType) => {
    bench.store.commit(state('one'));
    link = await RecordedLink.to(await bench.listen());
    const named = bench.store.version(LDS);
    const bootstrap = () => ({ static_resources: { clusters: [bench.xdsCluster(link.port)] } });
    await bench.connect({ version, apiType, bootstrap });
    await bench.until('its listener leads to one', async () => (await bench.call('orders')) === 'one');

    bench.store.commit([...state('two'), listener('bad', bench.egress, 'to-two', '1', true)]);
    const listeners = () => bench.ads.clients()[0]?.types.find(({ type }) => type === LDS);
    await bench.until('it has rejected that', () => listeners()?.nack !== undefined);
    await bench.until('it goes by the half of it', async () => (await bench.call('orders')) === 'two');
    await bench.until('all is answered', () => listeners()?.unansweredSince === undefined);

    await bench.restart(state('one'));
    await bench.until('its listener leads to one again', async () => (await bench.call('orders')) === 'one');
    // In state of the world it said that it had this.
    if (apiType === 'GRPC') expect(link.said.at(-1)).toContain(named);
  },
);

/** What a client says to a server, by connection. */
class RecordedLink {
  readonly said: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1');
      const at = this.said.push('') - 1;
      client.on('data', (bytes) => (this.said[at] += bytes.toString('latin1')));
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  static async to(target: number): Promise<RecordedLink> {
    const made = new RecordedLink(target);
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
