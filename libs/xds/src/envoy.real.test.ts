import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { SnapshotStore } from './snapshot-store.ts';
import { cluster, endpoints, listener, route } from './testing/envoy-resources.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';
import { adsServer } from './xds-server.ts';
import type { XdsServer } from './xds-server.ts';

jest.setTimeout(60_000);

let store: SnapshotStore;
let ads: XdsServer;
let envoy: EnvoyServer;
let upstreams: Server[];
let ports: number[];
let egress: number;
let loading: boolean;

beforeEach(async () => {
  store = new SnapshotStore([CDS, EDS, LDS, RDS]);
  upstreams = await Promise.all(['one', 'two'].map(upstream));
  ports = upstreams.map((server) => (server.address() as AddressInfo).port);
  [egress] = (await freePorts(1)) as [number];
});

afterEach(async () => {
  loading = false;
  await envoy.stop();
  await ads.close();
  for (const server of upstreams) server.closeAllConnections();
  await Promise.all(upstreams.map((server) => new Promise((resolve) => server.close(resolve))));
});

function upstream(name: string): Promise<Server> {
  const server = createServer((_, response) => response.end(name));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function listen(port = 0): Promise<number> {
  ads = adsServer({ host: '127.0.0.1', port, provider: { viewFor: () => store } });
  return ads.listen();
}

function connect(apiType: string, port: number, secure?: { tls: object; token: string }): Promise<EnvoyServer> {
  const cluster = {
    name: 'xds',
    type: 'STATIC',
    ...(secure === undefined ? {} : { transport_socket: secure.tls }),
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: 'xds',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] }],
    },
  };
  const ads_config = {
    api_type: apiType,
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [
      {
        envoy_grpc: { cluster_name: 'xds' },
        ...(secure === undefined ? {} : { initial_metadata: [{ key: 'authorization', value: `Bearer ${secure.token}` }] }),
      },
    ],
  };
  return startEnvoy({
    readyWhen: secure === undefined ? 'live' : 'admin',
    bootstrap: {
      node: { id: 'web', cluster: 'shop', metadata: { NAMESPACE: 'shop' } },
      dynamic_resources: {
        ads_config,
        cds_config: { ads: {}, resource_api_version: 'V3' },
        lds_config: { ads: {}, resource_api_version: 'V3' },
      },
      static_resources: { clusters: [cluster] },
    },
  });
}

/** What a caller gets: the upstream's name, or the status. */
async function call(host: string): Promise<string> {
  try {
    const { status, body } = await http(egress, '/', { headers: { host } });
    return status === 200 ? body : String(status);
  } catch (error) {
    return String(error);
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>, deadline = 15_000): Promise<void> {
  const end = Date.now() + deadline;
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 5)); // a turn of the loop, for who is waited for
    if (Date.now() > end)
      throw new Error(`${what}: not within ${deadline} ms; clients ${JSON.stringify(ads.clients())}\n${envoy.log()}`);
  }
}

async function stats(filter: string): Promise<Record<string, number>> {
  const { body } = await http(envoy.ports.admin, `/stats?format=json&filter=${encodeURIComponent(filter)}`);
  const { stats } = JSON.parse(body) as { stats: { name?: string; value?: number }[] };
  return Object.fromEntries(stats.flatMap(({ name, value }) => (name === undefined ? [] : [[name, value ?? 0]])));
}

const sum = (values: Record<string, number>): number => Object.values(values).reduce((a, b) => a + b, 0);

/** Calls without a pause until it is told to stop; then tells how often it got what. */
function load(host: string): { stop(): Promise<Record<string, number>>; readonly answers: Record<string, number> } {
  const answers: Record<string, number> = {};
  loading = true;
  const loop = (async () => {
    while (loading) {
      const answer = await call(host);
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  })();
  return {
    answers,
    stop: async () => {
      loading = false;
      await loop;
      return answers;
    },
  };
}

describe.each(['GRPC', 'DELTA_GRPC'])('a real Envoy (%s)', (apiType) => {
  beforeEach(async () => {
    store.commit([
      cluster('orders', '1', 'orders-endpoints'),
      endpoints('orders-endpoints', [ports[0]!]),
      listener('egress', egress, 'routes'),
      route('routes', { orders: 'orders' }),
    ]);
    envoy = await connect(apiType, await listen());
  });

  const acked = (type: string): boolean =>
    ads.clients().some(({ types }) => types.some((one) => one.type === type && one.acked === store.version(type)));

  test('takes all four types and routes by them', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    await until('all is acknowledged', () => [CDS, EDS, LDS, RDS].every(acked));
    expect(sum(await stats('update_rejected'))).toBe(0);
    const { body } = await http(envoy.ports.admin, '/config_dump?include_eds');
    for (const name of ['orders-endpoints', 'egress', 'routes']) expect(body).toContain(`"${name}"`);
    expect(ads.clients()).toMatchObject([{ node: 'web', userAgent: expect.stringMatching(/^envoy 1\.\d+\.\d+$/) }]);
    expect(ads.config('web')!.types.map(({ resources }) => resources.map(({ name }) => name))).toEqual([
      ['orders'],
      ['orders-endpoints'],
      ['egress'],
      ['routes'],
    ]);
  });

  test('follows a change of endpoints', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    store.commit([endpoints('orders-endpoints', [ports[1]!])]);
    await until('calls go to the new one', async () => (await call('orders')) === 'two');
    store.commit([endpoints('orders-endpoints', ports)]);
    await until('the Envoy has both', async () =>
      ports.every((port) => store.resources(EDS).size === 1 && acked(EDS) && port > 0),
    );
    const { body } = await http(envoy.ports.admin, '/clusters');
    for (const port of ports) expect(body).toContain(`orders::127.0.0.1:${port}::`);
  });

  test('goes on with its last good listener when it rejects the next, and says why', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    store.commit([listener('egress', egress, 'routes', '2', true)]);
    await until('the rejection is seen', () => ads.clients()[0]!.types.some(({ nack }) => nack !== undefined));
    const status = ads.clients()[0]!.types.find(({ type }) => type === LDS)!;
    expect(status.nack).toMatchObject({ version: store.version(LDS), message: expect.stringContaining('no.such.Filter') });
    expect(await call('orders')).toBe('one');
    const rejected = await stats('listener_manager.lds.update_rejected');
    store.commit([endpoints('orders-endpoints', [ports[1]!])]);
    await until('calls go to the new one', async () => (await call('orders')) === 'two');
    // No resend loop: it was sent and rejected once.
    expect(await stats('listener_manager.lds.update_rejected')).toEqual(rejected);
    expect(sum(rejected)).toBe(1);
    store.commit([listener('egress', egress, 'routes', '3')]);
    await until('the good one is taken', () => acked(LDS));
    expect(ads.clients()[0]!.types.every(({ nack }) => nack === undefined)).toBe(true);
  });

  test('warms a changed cluster although its endpoints did not change', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    store.commit([cluster('orders', '2', 'orders-endpoints')]);
    await until('the cluster is taken', async () => sum(await stats('cluster.orders-2.membership_healthy')) === 1);
    await until('it does not warm any more', async () => sum(await stats('cluster_manager.warming_clusters')) === 0);
    expect(await call('orders')).toBe('one');
  });

  test('loses no call while services are replaced', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    const calls = load('orders');
    let old = 'orders';
    for (let i = 0; i < 20; i += 1) {
      const next = `orders-v${i}`;
      store.commit([
        { type: CDS, name: old, resource: undefined },
        { type: EDS, name: i === 0 ? 'orders-endpoints' : old, resource: undefined },
        cluster(next),
        endpoints(next, [ports[i % 2]!]),
        route('routes', { orders: next }),
      ]);
      old = next;
      await until('it is taken', () => acked(CDS) && acked(RDS) && ads.config('web')!.types[0]!.resources.length === 1);
    }
    const { one = 0, two = 0, ...failed } = await calls.stop();
    expect(failed).toEqual({});
    expect(one).toBeGreaterThan(0);
    expect(two).toBeGreaterThan(0);
  });

  test('keeps its traffic while the server is gone, reconnects, and takes what changed meanwhile', async () => {
    await until('a call arrives', async () => (await call('orders')) === 'one');
    const calls = load('orders');
    const port = ads.port!;
    await ads.close();
    store.commit([
      cluster('orders', '2', 'orders-endpoints'),
      endpoints('orders-endpoints', [ports[1]!]),
      cluster('payments'),
      endpoints('payments', [ports[0]!]),
      route('routes', { orders: 'orders', payments: 'payments' }),
    ]);
    const before = calls.answers['one'] ?? 0;
    await until('calls still arrive', () => (calls.answers['one'] ?? 0) > before + 20);
    await listen(port);
    await until('calls go to the new one', () => (calls.answers['two'] ?? 0) > 0, 30_000);
    await until('the new service is there', async () => (await call('payments')) === 'one');
    const { one: _, two: __, ...failed } = await calls.stop();
    expect(failed).toEqual({});
    expect(sum(await stats('cluster_manager.warming_clusters'))).toBe(0);
    expect(sum(await stats('update_rejected'))).toBe(0);
  });
});

test('the bootstrap in docs/xds.md connects', async () => {
  const doc = await readFile(join(import.meta.dirname, '../../../docs/xds.md'), 'utf8');
  const bootstrap = /```yaml\n(node:.*?)```/s.exec(doc)![1]!;
  const port = await listen();
  envoy = await startEnvoy({
    readyWhen: 'live',
    bootstrap: ({ admin }) => bootstrap.replace('15012', String(port)).replace('15000', String(admin)),
  });
  await until('it is known', () => ads.clients().length === 1);
  expect(ads.clients()).toMatchObject([{ node: 'sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local', transport: 'delta' }]);
});

test('an Envoy with its own certificate and a token is let in, and one without the token is not', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-xds-'));
  const tokensFile = join(dir, 'tokens');
  await writeFile(tokensFile, 'secret\n');
  const certFile = join(import.meta.dirname, 'testdata/tls.crt');
  const keyFile = join(import.meta.dirname, 'testdata/tls.key');
  const refused: string[] = [];
  ads = adsServer({
    host: '127.0.0.1',
    port: 0,
    provider: { viewFor: () => store },
    tls: { certFile, keyFile, clientCaFile: certFile },
    auth: { tokensFile },
    onEvent: (event) => event.kind === 'refused' && refused.push(event.reason),
  });
  store.commit([listener('egress', egress, 'routes'), route('routes', {})]);
  const port = await ads.listen();
  const tls = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
        validation_context: { trusted_ca: { filename: certFile } },
      },
    },
  };
  envoy = await connect('DELTA_GRPC', port, { tls, token: 'secret' });
  await until('it is served', () => ads.clients()[0]?.types.every(({ sent, acked }) => sent === acked) === true);
  expect(refused).toEqual([]);
  await envoy.stop();
  envoy = await connect('DELTA_GRPC', port, { tls, token: 'wrong' });
  await until('it is refused', () => refused.length > 0);
  expect(refused[0]).toContain('no valid token');
  await rm(dir, { recursive: true });
});
