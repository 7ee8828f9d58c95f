import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import type { AddressInfo, Server } from 'node:net';
import type { EnvoyServer } from '@isthmus/servers';
import { clustersOf } from './clusters.ts';
import { endpointsOf } from './endpoints.ts';
import { egressListener } from './listeners/egress.ts';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './names.ts';
import { composeRoute } from './route.ts';
import { FilesystemXds, meshService } from './testing/index.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import { virtualHosts } from './virtual-hosts.ts';

const WINDOW_S = 10;
const CALLS = 60;
/** Balanced alike; `plain` has no warm-up. */
const HOSTS = ['warm.nacos', 'plain.nacos'] as const;
const balancer = { simple: 'ROUND_ROBIN' };
const RULES = {
  'warm.nacos': { loadBalancer: { ...balancer, warmup: { duration: `${WINDOW_S}s`, minimumPercent: 5 } } },
  'plain.nacos': { loadBalancer: balancer },
} as const;

let envoy: EnvoyServer;
let egress: number;
let dir: string;
let files: FilesystemXds;
let older: number;
let newer: number;
const servers: Server[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-warm-up-'));
  [older, newer] = [await answers('older'), await answers('newer')];
  [egress] = (await freePorts(1)) as [number];
  files = new FilesystemXds(join(dir, 'xds'));
  await serve([older]);
  envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
}, 120_000);

afterAll(async () => {
  await envoy?.stop();
  for (const server of servers) server.close();
  await rm(dir, { recursive: true, force: true });
});

test('a new instance gets its share of the calls by and by where a rule warms it up, and at once where none does', async () => {
  const began = performance.now();
  // The one that was there is through with its own window.
  await until('the first is warm', () => performance.now() - began > WINDOW_S * 1_000, (WINDOW_S + 5) * 1_000);
  const added = performance.now();
  await serve([older, newer]);
  for (const host of HOSTS)
    await until(`${host} has two`, async () => {
      const { body } = await http(envoy.ports.admin, '/clusters');
      return body.includes(`outbound|80||${host}::127.0.0.1:${newer}::health_flags::healthy`);
    });
  const share = await shareOfNewer('warm.nacos');
  // At most as warm as it is old by now: a busy machine takes a part of the window for these calls.
  const warmth = Math.min(1, (performance.now() - added) / (WINDOW_S * 1_000));
  expect(share).toBeLessThan(warmth / (1 + warmth) + 0.15);
  expect(await shareOfNewer('plain.nacos')).toBeCloseTo(0.5, 1);
  await until('it is warm too', async () => (await shareOfNewer('warm.nacos')) > 0.45, 3 * WINDOW_S * 1_000);
}, 90_000);

async function serve(ports: readonly number[]): Promise<void> {
  const endpoints = ports.map((port) => ({ address: '127.0.0.1', port }));
  const made = HOSTS.map((host) => {
    const service = meshService({ host, endpoints });
    const rule = ruleOf({ trafficPolicy: RULES[host] });
    return { service, clusters: clustersOf(service, rule, proxyOf()), assignments: endpointsOf(service, rule, proxyOf()) };
  });
  await files.write(
    new Map([
      [CLUSTER_TYPE, made.flatMap(({ clusters }) => clusters)],
      [ENDPOINT_TYPE, made.flatMap(({ assignments }) => assignments)],
      [LISTENER_TYPE, [egressListener({ address: '127.0.0.1', port: egress })]],
      [
        ROUTE_TYPE,
        [
          composeRoute(
            EGRESS_ROUTE,
            made.flatMap(({ service }) => virtualHosts(service)),
          ),
        ],
      ],
    ]),
  );
}

/** Of so many calls one after the other. */
async function shareOfNewer(host: string): Promise<number> {
  let calls = 0;
  for (let n = 0; n < CALLS; n += 1) {
    const { status, body } = await http(egress, '/', { headers: { host } });
    expect(status).toBe(200);
    if (body === 'newer') calls += 1;
  }
  return calls / CALLS;
}

async function answers(name: string): Promise<number> {
  const server = createServer((_request, response) => response.end(name));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
