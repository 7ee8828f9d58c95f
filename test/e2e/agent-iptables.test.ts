import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { AgentPlan } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { PodNetwork } from '@isthmus/servers';
import { startCli } from './support/cli.ts';
import { PodApplication } from './support/pod-application.ts';
import { PodLoad } from './support/pod-load.ts';
import type { LoadedCall } from './support/pod-load.ts';
import { PodSidecar } from './support/pod-sidecar.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(180_000);

const HOST = 'orders.shop.svc.cluster.local';
const PORT = 8_080;
const EGRESS = '127.0.0.1:15004';
const FLIPS = 20;
const REGISTER = join(import.meta.dirname, '../../dist/packages/agent/agent/src/register.js');
const GROUP = '2000';

interface Exclusion {
  readonly rule: readonly string[];
  /** Of the service; by default that of all others in the pod. */
  readonly group?: string;
}
/** Both as Istio has them: what these let pass is not brought to the proxy. */
const EXCLUSIONS: readonly (readonly [string, Exclusion])[] = [
  ['the ports of instances are excluded', { rule: ['-p', 'tcp', '--dport', String(PORT)] }],
  ['the group of the service is excluded', { rule: ['-m', 'owner', '--gid-owner', GROUP], group: GROUP }],
];

/** iptables bring every connection of the pod to its Envoy, as under Istio; the agent has an egress of its own beside that. */
describe.each(EXCLUSIONS)('a service with the agent in a pod behind iptables, where %s,', (_, { rule, group }) => {
  const excluded = [...rule, '-j', 'RETURN'];
  let network: PodNetwork;
  let bridge: RulesBridge;
  let gate: Server;
  let web: PodApplication;
  let sidecar: PodSidecar;
  let orders: PodLoad;
  let caller: PodLoad;
  let instance: string;
  let directory: string;
  let version = 0;
  let calls: LoadedCall[] = [];

  const plan = async (rung: 'sdk' | 'traffic'): Promise<void> => {
    const target = { host: HOST, port: 80, rung, addresses: [`${instance}:${PORT}`] };
    const text: AgentPlan = { schema: 1, version: String((version += 1)), targets: [target] };
    const file = join(directory, 'plan.json');
    await writeFile(`${file}.new`, JSON.stringify(text));
    await rename(`${file}.new`, file);
  };
  const failed = (): readonly LoadedCall[] => calls.filter(({ failure }) => failure !== undefined);
  /** Waits for so many calls that went this way since. */
  const more = async (way: LoadedCall['way'], many = 20): Promise<void> => {
    let seen = 0;
    await until(
      `${many} more calls by ${way}; the agent said ${caller.log}`,
      async () => {
        const taken = await caller.take();
        calls.push(...taken);
        seen += taken.filter((call) => call.way === way && call.failure === undefined).length;
        return seen >= many;
      },
      90_000,
    );
  };
  const now = (): number => performance.timeOrigin + performance.now();

  beforeAll(async () => {
    network = await PodNetwork.create();
    web = await PodApplication.start(await network.pod());
    const other = await network.pod();
    instance = other.address;
    orders = await PodLoad.start(other, ['serve', String(PORT), 'orders']);
    bridge = await RulesBridge.start({ 'orders.yaml': serviceEntry(instance) });
    // The bridge listens on this machine's loopback only; files are what the pods have in common with it.
    const socket = join(bridge.bridge.directory, 'xds.sock');
    gate = createServer((from) => {
      const to = connect(bridge.xds, '127.0.0.1');
      for (const end of [from, to]) end.on('error', () => (from.destroy(), to.destroy()));
      from.pipe(to).pipe(from);
    });
    await new Promise<void>((resolve) => gate.listen(socket, resolve));
    await web.forward(15_012, socket);
    const node = `sidecar~${web.pod.address}~web.shop~shop.svc.cluster.local`;
    const args = ['proxy', 'bootstrap', '--node', node, '--xds', '127.0.0.1:15012', '--interception', 'REDIRECT'];
    const { code, stdout, stderr } = await startCli([...args, '--egress', EGRESS], { cwd: tmpdir() }).ended;
    if (code !== 0) throw new Error(stderr);
    sidecar = await PodSidecar.start(web, stdout, 'REDIRECT');
    await web.pod.iptables('-t', 'nat', '-I', 'MESH_OUT', '1', ...excluded);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-agent-iptables-'));
    await plan('sdk');
    const env = {
      ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
      ISTHMUS_EGRESS: EGRESS,
      ISTHMUS_SIDECAR_ADMIN: 'http://127.0.0.1:15000',
    };
    caller = await PodLoad.start(web.pod, ['call', String(PORT), instance], { flags: ['--require', REGISTER], env, group });
  }, 180_000);

  afterAll(async () => {
    await caller?.stop();
    await sidecar?.stop();
    await orders?.stop();
    await web?.stop();
    gate?.close();
    await bridge?.close();
    await network?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test(`its target is moved to the sidecar and back ${FLIPS} times under load, and no call fails`, async () => {
    await more('sdk');
    for (let flip = 0; flip < FLIPS; flip += 1) {
      await plan(flip % 2 === 0 ? 'traffic' : 'sdk');
      await more(flip % 2 === 0 ? 'mesh' : 'sdk');
    }
    expect(failed()).toEqual([]);
    expect(calls.length).toBeGreaterThan(20 * FLIPS);
  });

  test('its sidecar is killed: calls are the SDK’s, none fails but POSTs in flight, and they return to the next one', async () => {
    await plan('traffic');
    await more('mesh', 50);
    calls = [];
    const killed = now();
    await sidecar.kill();
    const dead = now();
    await more('sdk', 100);
    expect(caller.log).toContain('sidecar-lost');
    expect(failed().filter(({ method }) => method === 'GET')).toEqual([]);
    expect(failed().filter(({ began, ended }) => began > dead || ended < killed)).toEqual([]);
    calls = [];
    await sidecar.run();
    await more('mesh', 50);
    expect(failed()).toEqual([]);
  });

  test('the way past a sidecar that is dead is the exclusion: without it nobody reaches an instance, with an agent or without', async () => {
    await plan('sdk');
    await more('sdk', 50);
    expect(await web.http(instance, PORT)).toEqual({ status: 200, body: 'orders' });
    await sidecar.kill();
    await more('sdk', 50);
    if (group === undefined) {
      expect(await web.http(instance, PORT)).toEqual({ status: 200, body: 'orders' });
      await web.pod.iptables('-t', 'nat', '-D', 'MESH_OUT', ...excluded);
    }
    // Now of nobody's rule: by a group, it never was, because it is another.
    expect((await web.http(instance, PORT)).status).toBe(0);
  });
});

function serviceEntry(address: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  addresses: [10.96.0.10]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${PORT} }]
  endpoints: [{ address: ${address} }]
`;
}
