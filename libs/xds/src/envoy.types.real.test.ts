import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { ApiConfigSource_ApiType } from '@isthmus/proto/envoy';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { runtime, secret, tlsListener } from './testing/more-envoy-resources.ts';
import { RealEnvoy, sum } from './testing/real-envoy.ts';
import type { ApiType, EnvoySetup } from './testing/real-envoy.ts';
import { CDS, EDS, LDS, RDS, RTDS, SDS } from './type-urls.ts';

jest.setTimeout(180_000); // a version of Envoy may have to be fetched first

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

const TRANSPORTS: readonly ApiType[] = ['GRPC', 'DELTA_GRPC'];
const VERSIONS = ['1.36.4', '1.40.0'];
const all = VERSIONS.flatMap((version) => TRANSPORTS.map((apiType) => [version, apiType] as const));

/** SHA-256 of the certificate that the listener shows; undefined while nobody is there. */
function certificateAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

async function certificates(): Promise<[first: [string, string], second: [string, string]]> {
  const other = join(import.meta.dirname, '../../registry-consul/src/testdata/tls');
  const read = (path: string) => readFile(path, 'utf8');
  const here = join(import.meta.dirname, 'testdata');
  return [
    [await read(join(here, 'tls.crt')), await read(join(here, 'tls.key'))],
    [await read(join(other, 'localhost.pem')), await read(join(other, 'localhost-key.pem'))],
  ];
}

describe.each(all)('a real Envoy (%s, %s)', (version, apiType) => {
  test('takes its runtime from RTDS, and a change of it', async () => {
    bench.store.commit([runtime('ops', { 'shop.share': 5 }, '1')]);
    await bench.listen();
    const layered = (_: RealEnvoy, source: object): Record<string, unknown> => ({
      layered_runtime: { layers: [{ name: 'ops', rtds_layer: { name: 'ops', rtds_config: source } }] },
    });
    for (const apart of [false, true]) {
      await bench.connect({ version, apiType, apart, bootstrap: layered });
      const value = async () =>
        (JSON.parse(await bench.admin('/runtime')) as { entries: Record<string, { final_value: string }> }).entries['shop.share']
          ?.final_value;
      bench.store.commit([runtime('ops', { 'shop.share': 5 }, '1')]);
      await bench.until('it has the value', async () => (await value()) === '5');
      bench.store.commit([runtime('ops', { 'shop.share': 7 }, '2')]);
      await bench.until('it has the new value', async () => (await value()) === '7');
      await bench.until('it has said so', () => bench.acked(RTDS));
      await bench.envoy.stop();
    }
  });

  test('keeps what has a TTL as long as heartbeats come, and drops it when the server falls silent', async () => {
    bench.store.commit([runtime('ops', { 'shop.share': 5 }, '1')]);
    let pushes = 0;
    const port = await bench.listen(0, {
      ttls: new Map([[RTDS, 3_000]]),
      onEvent: (event) => void (event.kind === 'pushed' && event.type === RTDS && (pushes += 1)),
    });
    const layered = (_: RealEnvoy, source: object): Record<string, unknown> => ({
      layered_runtime: { layers: [{ name: 'ops', rtds_layer: { name: 'ops', rtds_config: source } }] },
    });
    await bench.connect({ version, apiType, bootstrap: layered });
    const value = async () =>
      (JSON.parse(await bench.admin('/runtime')) as { entries: Record<string, { final_value: string }> }).entries['shop.share']
        ?.final_value;
    await bench.until('it has the value', async () => (await value()) === '5');
    await bench.until('heartbeats for more than two TTLs', () => pushes >= 8);
    expect(await value()).toBe('5');
    expect(await bench.admin('/stats?filter=rejected')).not.toMatch(/runtime.*rejected: [1-9]/);
    await bench.ads.close();
    await bench.until('it has dropped it', async () => (await value()) === undefined);
    await bench.listen(port); // and again without a TTL: as before
    await bench.until('it has it again', async () => (await value()) === '5');
  });

  test('takes a listener’s certificate from SDS, also when it comes late, and a renewed one without a new listener', async () => {
    const [[cert, key], [newCert, newKey]] = await certificates();
    bench.store.commit([tlsListener('secure', bench.egress, 'web-cert')]);
    await bench.listen();
    await bench.connect({ version, apiType, readyWhen: 'admin' });
    await bench.until('it asks for the secret', () => bench.ads.clients()[0]?.types.some(({ type }) => type === SDS) === true);
    bench.store.commit([secret('web-cert', cert, key, '1')]);
    await bench.until('it shows a certificate', async () => (await certificateAt(bench.egress)) !== undefined);
    const first = await certificateAt(bench.egress);
    bench.store.commit([secret('web-cert', newCert, newKey, '2')]);
    await bench.until('it shows the new one', async () => {
      const now = await certificateAt(bench.egress);
      return now !== undefined && now !== first;
    });
    expect(sum(await bench.stats('listener_manager.listener_modified'))).toBe(0);
    // SDS after a restart of the server (gateway#9519): the secret is sent again, and nothing warms.
    const port = bench.ads.port!;
    await bench.ads.close();
    await bench.listen(port);
    await bench.until('it is back', () => bench.acked(SDS) && bench.acked(LDS), 30_000);
    expect(sum(await bench.stats('listener_manager.total_listeners_warming'))).toBe(0);
  });

  test('with a stream for each type: all is served and ordered as over ADS', async () => {
    const start: EnvoySetup = { version, apiType, apart: true };
    const api = ApiConfigSource_ApiType[apiType];
    bench.store.commit([
      cluster('orders', '1', 'orders', api),
      endpoints('orders', [bench.ports[0]]),
      listener('egress', bench.egress, 'routes', '1', false, api),
      route('routes', { orders: 'orders' }),
    ]);
    await bench.listen();
    await bench.connect(start);
    await bench.until('a call arrives', async () => (await bench.call('orders')) === 'one');
    expect(bench.ads.clients().map(({ types }) => types.length)).toEqual([1, 1, 1, 1]);
    const calls = bench.load('orders');
    let old = 'orders';
    for (let i = 0; i < 20; i += 1) {
      const next = `orders-v${i}`;
      bench.store.commit([
        { type: CDS, name: old, resource: undefined },
        { type: EDS, name: old, resource: undefined },
        cluster(next, '1', next, api),
        endpoints(next, [bench.ports[i % 2]!]),
        route('routes', { orders: next }),
      ]);
      old = next;
      await bench.until('it is taken', () => bench.acked(CDS) && bench.acked(RDS));
    }
    const { one = 0, two = 0, ...failed } = await calls.stop();
    expect(failed).toEqual({});
    expect(Math.min(one, two)).toBeGreaterThan(0);
  });
});
