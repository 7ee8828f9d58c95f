import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PodNetwork } from '@isthmus/servers';
import { startCli } from './support/cli.ts';
import { PodApplication } from './support/pod-application.ts';
import { PodSidecar } from './support/pod-sidecar.ts';
import type { CaptureMode } from './support/pod-sidecar.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

const HOST = 'orders.shop.svc.cluster.local';
const VIP = '10.96.0.10';
/** What no service has: another pod, dialled at its own address. */
const OTHER_PORT = 7_070;

/** A caller and a server that know nothing of any proxy; iptables brings their connections to an Envoy beside each. */
describe.each<[CaptureMode, readonly string[]]>([
  ['REDIRECT', []],
  ['TPROXY', ['--sotw']],
])('pods behind iptables, %s %j:', (mode, flags) => {
  let network: PodNetwork;
  let bridge: RulesBridge;
  let gate: Server;
  const applications: PodApplication[] = [];
  const sidecars: PodSidecar[] = [];
  let web: PodApplication;
  let orders: PodApplication;
  let stranger: PodApplication;

  const bootstrap = async (name: string, address: string): Promise<string> => {
    const node = `sidecar~${address}~${name}.shop~shop.svc.cluster.local`;
    const args = [
      'proxy',
      'bootstrap',
      '--node',
      node,
      '--xds',
      '127.0.0.1:15012',
      '--interception',
      mode,
      '--label',
      `app=${name}`,
    ];
    const { code, stdout, stderr } = await startCli([...args, ...flags], { cwd: tmpdir() }).ended;
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };

  beforeAll(async () => {
    network = await PodNetwork.create();
    for (let n = 0; n < 3; n += 1) applications.push(await PodApplication.start(await network.pod()));
    [web, orders, stranger] = applications as [PodApplication, PodApplication, PodApplication];
    bridge = await RulesBridge.start({ 'orders.yaml': serviceEntry(orders.pod.address) });
    // The bridge listens on this machine's loopback only; files are what the pods have in common with it.
    const socket = join(bridge.bridge.directory, 'xds.sock');
    gate = createServer((from) => {
      const to = connect(bridge.xds, '127.0.0.1');
      for (const end of [from, to]) end.on('error', () => (from.destroy(), to.destroy()));
      from.pipe(to).pipe(from);
    });
    await new Promise<void>((resolve) => gate.listen(socket, resolve));
    for (const [application, name] of [
      [web, 'web'],
      [orders, 'orders'],
    ] as const) {
      await application.forward(15_012, socket);
      const text = await bootstrap(name, application.pod.address);
      sidecars.push(await PodSidecar.start(application, text, mode));
    }
    await orders.serve('orders', 8_080, 9_000);
    await stranger.serve('stranger', OTHER_PORT, 9_001);
  }, 180_000);

  afterAll(async () => {
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    await Promise.all(applications.map((application) => application.stop()));
    gate?.close();
    await bridge?.close();
    await network?.close();
  }, 60_000);

  test('a call to the address of a service goes to its instance, through both Envoys', async () => {
    for (let n = 0; n < 20; n += 1) expect(await web.http(VIP, 80)).toEqual({ status: 200, body: 'orders' });
    const { http, from } = await orders.served();
    expect(http).toBe(20);
    // Its own Envoy: 127.0.0.6 by REDIRECT; by TPROXY it keeps the caller's address.
    expect(from).toEqual([mode === 'REDIRECT' ? '127.0.0.6' : web.pod.address]);
    const [out, into] = sidecars as [PodSidecar, PodSidecar];
    expect(await out.stats(`^cluster.outbound.80..${HOST};?.upstream_rq_total$`)).toEqual({
      [`cluster.outbound|80||${HOST}.upstream_rq_total`]: 20,
    });
    expect(await into.stats('^cluster.inbound.8080...?;?.upstream_rq_total$')).toEqual({
      'cluster.inbound|8080||.upstream_rq_total': 20,
    });
  });

  test('by name, as DNS would find it', async () => {
    for (const name of ['orders', 'orders.shop', HOST]) {
      expect(await web.http(name, 80, '/', { [name]: VIP })).toEqual({ status: 200, body: 'orders' });
    }
  });

  test('TCP by the address of the service', async () => {
    for (let n = 0; n < 5; n += 1) expect(await web.tcp(VIP, 9_000)).toEqual({ status: 200, body: 'orders' });
    expect((await orders.served()).tcp).toBe(5);
  });

  test('what no service has is let through, until a Sidecar says REGISTRY_ONLY', async () => {
    const { address } = stranger.pod;
    expect(await web.http(address, OTHER_PORT)).toEqual({ status: 200, body: 'stranger' });
    expect(await web.tcp(address, 9_001)).toEqual({ status: 200, body: 'stranger' });
    await bridge.give('sidecar.yaml', REGISTRY_ONLY);
    await until('it is not reached any more', async () => (await web.tcp(address, 9_001)).status === 0);
    const before = await stranger.served();
    expect((await web.http(address, OTHER_PORT)).status).not.toBe(200);
    expect(await stranger.served()).toEqual(before);
    expect(await web.http(VIP, 80)).toEqual({ status: 200, body: 'orders' });
    expect(await web.tcp(VIP, 9_000)).toEqual({ status: 200, body: 'orders' });
  });

  test('a port of the server that is no service of its own is reached all the same', async () => {
    expect(await stranger.http(orders.pod.address, 8_080)).toEqual({ status: 200, body: 'orders' });
    expect(await stranger.tcp(orders.pod.address, 9_000)).toEqual({ status: 200, body: 'orders' });
  });

  test('nothing was rejected, and the bridge says so', async () => {
    for (const sidecar of sidecars) {
      const rejected = await sidecar.stats('update_rejected$');
      expect(Object.keys(rejected).length).toBeGreaterThan(2);
      expect(Object.entries(rejected).filter(([, count]) => count > 0)).toEqual([]);
    }
    const { stdout } = await startCli(['proxy', 'status', '--control', bridge.control], {
      cwd: tmpdir(),
    }).ended;
    expect(stdout).toContain(`sidecar~${orders.pod.address}~orders.shop~shop.svc.cluster.local`);
    expect(stdout).toMatch(/ Listener +all +acked /);
    expect(stdout).not.toMatch(/refused/);
  });
});

function serviceEntry(address: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  addresses: [${VIP}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
    - { number: 80, name: http, protocol: HTTP, targetPort: 8080 }
    - { number: 9000, name: tcp, protocol: TCP, targetPort: 9000 }
  endpoints: [{ address: ${address}, labels: { app: orders } }]
`;
}

const REGISTRY_ONLY = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec:
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  egress: [{ hosts: ['*/*'] }]
`;
