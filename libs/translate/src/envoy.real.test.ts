import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import type { AddressInfo, Server } from 'node:net';
import type { EnvoyServer } from '@isthmus/servers';
import type { MeshService } from '@isthmus/model';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { egressListener } from './listeners/egress.ts';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './names.ts';
import { composeRoute } from './route.ts';
import { FilesystemXds } from './testing/filesystem-xds.ts';
import { meshService } from './testing/mesh-service.ts';
import { virtualHosts } from './virtual-hosts.ts';
import type { Resources } from './testing/filesystem-xds.ts';

const ORDERS = 'orders.default-group.public.nacos';

let envoy: EnvoyServer;
let egress: number;
let dir: string;
const upstreams: Server[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-translate-'));
  const [a, b, c, off, ill, zero, second] = await Promise.all(
    ['a', 'b', 'c', 'off', 'ill', 'zero', 'second'].map((name) => upstream(name)),
  );
  const services = [
    meshService({
      host: ORDERS,
      endpoints: [
        { address: '127.0.0.1', port: a as number, weight: 1, locality: { zone: 'z1' } },
        { address: '127.0.0.1', port: b as number, weight: 2.5, locality: { zone: 'z2' } },
        { address: '127.0.0.1', port: c as number, weight: 0.5, locality: { zone: 'z2' } },
        { address: '127.0.0.1', port: off as number, weight: 5, health: 'disabled' },
        { address: '127.0.0.1', port: ill as number, weight: 5, health: 'unhealthy' },
        { address: '127.0.0.1', port: zero as number, weight: 0 },
      ],
    }),
    meshService({
      host: 'two.nacos',
      ports: [
        { number: 80, name: 'http-80', protocol: 'http' },
        { number: 8081, name: 'grpc-8081', protocol: 'grpc' },
      ],
      endpoints: [
        { address: '127.0.0.1', port: second as number },
        { address: '127.0.0.1', port: await http2Upstream('h2c'), portName: 'grpc-8081' },
      ],
    }),
    meshService({ host: 'named.eureka', resolution: 'dns', endpoints: [{ address: 'localhost', port: a as number }] }),
    meshService({ host: 'named-but-gone.eureka', resolution: 'dns' }),
    meshService({ host: 'nobody.nacos' }),
    meshService({
      host: 'raw.nacos',
      ports: [{ number: 9000, name: 'tcp-9000', protocol: 'tcp' }],
      endpoints: [{ address: 'fd00::1' }, { address: '127.0.0.1', port: a as number, weight: 10_000 }],
    }),
    meshService({
      host: 'under_score.nacos',
      endpoints: [{ address: '127.0.0.1', port: a as number, locality: { region: 'Zürich' } }],
    }),
  ];
  [egress] = (await freePorts(1)) as [number];
  const files = new FilesystemXds(join(dir, 'xds'));
  await files.write(resourcesOf(services, egress));
  envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
}, 120_000);

afterAll(async () => {
  await envoy?.stop();
  agent.destroy();
  for (const server of upstreams) server.close();
  await rm(dir, { recursive: true, force: true });
});

describe('a real Envoy', () => {
  test('accepts everything that was made', async () => {
    const stats = await http(envoy.ports.admin, '/stats?filter=update_(rejected|success|failure)$');
    const counts = new Map(
      stats.body
        .trim()
        .split('\n')
        .map((line) => line.split(': ') as [string, string]),
    );
    const refused = [...counts].filter(([name, value]) => /rejected|failure/.test(name) && value !== '0');
    expect(refused).toEqual([]);
    expect(counts.get('cluster_manager.cds.update_success')).toBe('1');
    expect(counts.get('listener_manager.lds.update_success')).toBe('1');
    const names = JSON.parse((await http(envoy.ports.admin, '/clusters?format=json')).body).cluster_statuses.map(
      (c: { name: string }) => c.name,
    );
    expect(names.sort()).toEqual([
      'outbound|8081||two.nacos',
      'outbound|80||named.eureka',
      'outbound|80||nobody.nacos',
      `outbound|80||${ORDERS}`,
      'outbound|80||two.nacos',
      'outbound|80||under_score.nacos',
      'outbound|9000||raw.nacos',
    ]);
  });

  test.each([1, 20])('shares calls as the registry weighs instances, with %d at a time', async (atOnce) => {
    const calls = 1000;
    const counts = new Map<string, number>();
    let started = 0;
    const worker = async () => {
      while (started < calls) {
        started += 1;
        const { status, body } = await call(ORDERS, atOnce === 1 ? '/' : '/slow');
        const key = status === 200 ? body : `status ${status}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    expect([...counts.keys()].sort()).toEqual(['a', 'b', 'c']);
    const share = (name: string) => ((counts.get(name) ?? 0) / calls) * 100;
    // Weights 1 : 2.5 : 0.5, within 5 points.
    expect(Math.abs(share('a') - 25)).toBeLessThan(5);
    expect(Math.abs(share('b') - 62.5)).toBeLessThan(5);
    expect(Math.abs(share('c') - 12.5)).toBeLessThan(5);
  });

  test.each([ORDERS, `${ORDERS}:80`, 'Orders.DEFAULT-GROUP.public.NACOS', `${ORDERS}.`, `${ORDERS}:15004`])(
    'finds the service by Host %s',
    async (host) => {
      expect((await call(host)).status).toBe(200);
    },
  );

  test('finds the service by an absolute URL, as clients with HTTP_PROXY send it', async () => {
    expect((await call('elsewhere.example', `http://${ORDERS}/`)).status).toBe(200);
  });

  test('tells two HTTP ports of one host apart by the port in Host', async () => {
    expect((await call('two.nacos')).body).toBe('second');
    expect((await call('two.nacos:8081')).body).toBe('h2c');
  });

  test('resolves a DNS service itself', async () => {
    expect((await call('named.eureka')).body).toBe('a');
  });

  test('refuses a host that no registry has with 502 and says where to ask', async () => {
    const { status, body } = await call('unknown.example');
    expect(status).toBe(502);
    expect(body).toContain('isthmus explain');
  });

  test('answers 503 for a service without instances', async () => {
    expect((await call('nobody.nacos')).status).toBe(503);
    expect((await call('named-but-gone.eureka')).status).toBe(503);
  });
});

function resourcesOf(services: readonly MeshService[], port: number): Resources {
  return new Map([
    [CLUSTER_TYPE, services.flatMap(clusterResources)],
    [ENDPOINT_TYPE, services.flatMap(endpointResources)],
    [LISTENER_TYPE, [egressListener({ address: '127.0.0.1', port })]],
    [ROUTE_TYPE, [composeRoute(EGRESS_ROUTE, services.flatMap(virtualHosts))]],
  ]);
}

/** An instance that answers its name; under `/slow` the later its letter the longer it takes, so that calls overlap. */
async function upstream(name: string): Promise<number> {
  const delay = { a: 2, b: 12, c: 4 }[name] ?? 0;
  const server = createServer((incoming, response) => {
    if (incoming.url === '/slow') setTimeout(() => response.end(name), delay);
    else response.end(name);
  });
  return listen(server);
}

async function http2Upstream(name: string): Promise<number> {
  return listen(createHttp2Server((_, response) => response.end(name)));
}

async function listen(server: Server): Promise<number> {
  upstreams.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function call(host: string, path = '/'): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: egress, path, agent, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject).end();
  });
}
