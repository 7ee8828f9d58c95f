import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ItemList, ProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { freePorts, provide } from '@isthmus/servers';
import { startCli } from './support/cli.ts';
import { GrpcBackend } from './support/grpc-backend.ts';
import type { GrpcAnswers } from './support/grpc-names.ts';
import { LineProcess } from './support/line-process.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

const HOST = 'orders.shop.svc.cluster.local';
const TARGET = `xds:///${HOST}:7070`;

type Kind = 'grpc-js' | 'grpc-go';

async function xdsClients(...args: readonly string[]): Promise<[string, ...string[]]> {
  const { home } = await provide('xds-clients');
  return [join(home, 'bin/xds-clients'), ...args];
}

/** Callers without any proxy: gRPC's own client takes listeners, routes, clusters and endpoints from the bridge. */
describe.each<Kind>(['grpc-js', 'grpc-go'])('proxyless %s:', (kind) => {
  let directory: string;
  let bridge: RulesBridge;
  let caller: LineProcess;
  const backends: GrpcBackend[] = [];
  const NODE = `sidecar~127.0.0.1~web-${kind}.shop~shop.svc.cluster.local`;

  const bootstrapFor = async (node: string): Promise<string> => {
    const args = ['proxy', 'bootstrap', '--grpc', '--node', node, '--xds', `127.0.0.1:${bridge.xds}`];
    const { code, stdout, stderr } = await startCli(args, { cwd: directory }).ended;
    if (code !== 0) throw new Error(stderr);
    const file = join(directory, `${node.split('~')[2]}.json`);
    await writeFile(file, stdout);
    return file;
  };
  const call = (calls: number, headers: Readonly<Record<string, string>> = {}, target = TARGET): Promise<GrpcAnswers> =>
    caller.ask<GrpcAnswers>({ target, calls, headers });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-grpc-'));
    for (const name of ['v1', 'v2']) backends.push(await GrpcBackend.start(name));
    bridge = await RulesBridge.start({ 'orders.yaml': orders(backends) });
    const main: [string, ...string[]] = [
      process.execPath,
      '--no-warnings',
      join(import.meta.dirname, 'support/grpc-caller-main.ts'),
    ];
    const command = kind === 'grpc-js' ? main : await xdsClients('grpc');
    caller = LineProcess.start(command, { GRPC_XDS_BOOTSTRAP: await bootstrapFor(NODE) });
  }, 180_000);

  afterAll(async () => {
    await caller?.stop();
    await bridge?.close();
    for (const backend of backends) backend.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('finds the instances, and shares the calls evenly between them', async () => {
    // Until it is connected to both, one has all.
    await until(
      'it is connected to both',
      async () =>
        Object.keys((await call(4)).counts)
          .sort()
          .join() === 'v1,v2',
    );
    const before = backends.map(({ calls }) => calls);
    const { counts } = await call(100);
    expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(100);
    expect(counts['v1']).toBeGreaterThan(35);
    expect(counts['v2']).toBeGreaterThan(35);
    expect(backends.map(({ calls }, at) => calls - (before[at] ?? 0))).toEqual([counts['v1'], counts['v2']]);
  });

  test('by a short name of its own namespace', async () => {
    for (const name of ['orders:7070', 'orders.shop:7070']) {
      const { counts } = await call(10, {}, `xds:///${name}`);
      expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(10);
    }
  });

  test('a canary by weight, then by header', async () => {
    await bridge.give('rules.yaml', WEIGHTED);
    await until('most goes to v1', async () => {
      const { counts, said } = await call(50);
      if (kind === 'grpc-js' || said === undefined)
        expect([said, Object.keys(counts).sort().join()]).toEqual([undefined, expect.stringMatching(/^v1(,v2)?$/)]);
      // grpc-go shows its callers a new route an instant before its balancers have the clusters, which it was sent before.
      else expect(said).toContain('unknown cluster selected for RPC');
      return (counts['v1'] ?? 0) > 35 && said === undefined;
    });
    const { counts } = await call(500);
    expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(500);
    expect(counts['v2']).toBeGreaterThan(20);
    expect(counts['v2']).toBeLessThan(100);
    await bridge.give('rules.yaml', BY_HEADER);
    await until('the header decides', async () => (await call(30, { 'x-user': 'tester' })).counts['v2'] === 30);
    expect(await call(30)).toEqual({ counts: { v1: 30 } });
  });

  test('follows the endpoints, without a failed call', async () => {
    await bridge.take('rules.yaml');
    await until('both again', async () => Object.keys((await call(10)).counts).length === 2);
    await bridge.give('orders.yaml', orders(backends.slice(0, 1)));
    await until('only v1', async () => {
      const { counts, said } = await call(10);
      expect([said, Object.keys(counts).sort().join()]).toEqual([undefined, expect.stringMatching(/^v1(,v2)?$/)]);
      return counts['v1'] === 10;
    });
    await bridge.give('orders.yaml', orders(backends));
    await until('v2 again', async () => ((await call(10)).counts['v2'] ?? 0) > 0);
  });

  test('a call to a service that nobody has fails; when it comes it is found', async () => {
    const target = `xds:///late.shop.svc.cluster.local:7070`;
    const { counts } = await call(1, {}, target);
    // gRPC itself waits 15 s for a listener that it has never seen (gRFC A27); the call may give up before.
    expect(Object.keys(counts).join()).toMatch(/^(unavailable|deadline_?exceeded)$/i);
    await bridge.give('late.yaml', orders(backends).replaceAll('orders', 'late'));
    await until('it is called', async () => ((await call(4, {}, target)).counts['v1'] ?? 0) > 0);
  });

  test('it accepted everything, and the bridge shows what', async () => {
    const { items } = await bridge.bridge.get<ItemList<ProxyView>>('proxies');
    const { types } = items.find(({ node }) => node === NODE) as ProxyView;
    expect(
      types.map(({ type, nack, acked, sent }) => [type.split('.').at(-1), nack, acked === sent && sent !== '']).sort(),
    ).toEqual([
      ['Cluster', undefined, true],
      ['ClusterLoadAssignment', undefined, true],
      ['Listener', undefined, true],
      ['RouteConfiguration', undefined, true],
    ]);
    const { stdout } = await startCli(['proxy', 'status', NODE, '--control', bridge.control], { cwd: directory }).ended;
    expect(stdout).toMatch(/ sotw +Listener +\d+ +acked /);
    const config = await startCli(['proxy', 'config', NODE, '--control', bridge.control], { cwd: directory }).ended;
    expect(config.stdout).toContain(`${HOST}:7070`);
  });

  if (kind === 'grpc-go')
    test('a server of grpc-go takes its listener from the bridge, and is called', async () => {
      const [port = 0] = await freePorts(1);
      const env = { GRPC_XDS_BOOTSTRAP: await bootstrapFor('sidecar~127.0.0.1~server.shop~shop.svc.cluster.local') };
      const server = LineProcess.start(await xdsClients('grpc-server', 'go-server', `127.0.0.1:${port}`), env);
      try {
        await bridge.give('served.yaml', orders([{ name: 'v1', port }]).replaceAll('orders', 'served'));
        await until('it serves', async () => (await server.next<{ serving: boolean }>()).serving);
        const target = 'xds:///served.shop.svc.cluster.local:7070';
        await until('it is called', async () => (await call(10, {}, target)).counts['go-server'] === 10);
      } finally {
        await server.stop();
      }
    });
});

function orders(backends: readonly { readonly name: string; readonly port: number }[]): string {
  const endpoints = backends.map(
    ({ name, port }) => `{ address: 127.0.0.1, ports: { grpc: ${port} }, labels: { version: ${name} } }`,
  );
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 7070, name: grpc, protocol: GRPC }]
  endpoints: [${endpoints.join(', ')}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: ${HOST}
  trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;
}

const WEIGHTED = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  http:
    - route:
        - { destination: { host: ${HOST}, subset: v1 }, weight: 90 }
        - { destination: { host: ${HOST}, subset: v2 }, weight: 10 }
`;

const BY_HEADER = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  http:
    - match: [{ headers: { x-user: { exact: tester } } }]
      route: [{ destination: { host: ${HOST}, subset: v2 } }]
    - route: [{ destination: { host: ${HOST}, subset: v1 } }]
`;
