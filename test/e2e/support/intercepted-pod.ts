import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodNetwork } from '@isthmus/servers';
import type { Pod } from '@isthmus/servers';
import { startCli } from './cli.ts';
import { PodApplication } from './pod-application.ts';
import { PodLoad } from './pod-load.ts';
import { PodSidecar } from './pod-sidecar.ts';
import { RulesBridge } from './rules-bridge.ts';

const HOST = 'orders.shop.svc.cluster.local';
const PORT = 8_080;
const EGRESS = '127.0.0.1:15004';

/**
 * A pod whose connections iptables bring to its Envoy, as under Istio, but for those that a rule lets pass; the Envoy has an explicit egress
 * beside that, and knows `orders`, whose instances are pods of their own, from a bridge.
 */
export class InterceptedPod {
  readonly host = HOST;
  /** Of every instance. */
  readonly port = PORT;
  /** Of the instances, `IP:PORT`. */
  readonly addresses: readonly string[];
  /** What is put into the environment of a service with an agent. */
  readonly env = { ISTHMUS_EGRESS: EGRESS, ISTHMUS_SIDECAR_ADMIN: 'http://127.0.0.1:15000' };
  readonly web: PodApplication;
  readonly sidecar: PodSidecar;
  readonly #excluded: readonly string[];
  readonly #closing: (() => Promise<unknown>)[];

  private constructor(
    parts: Pick<InterceptedPod, 'addresses' | 'web' | 'sidecar'>,
    excluded: readonly string[],
    closing: (() => Promise<unknown>)[],
  ) {
    // prettier-ignore
    this.addresses = parts.addresses;
    this.web = parts.web;
    this.sidecar = parts.sidecar;
    this.#excluded = excluded;
    this.#closing = closing;
  }

  /** @param rule of iptables: what it fits is not brought to the proxy; by default what goes to the port of the instances */
  static async start(
    instances: number,
    rule: readonly string[] = ['-p', 'tcp', '--dport', String(PORT)],
  ): Promise<InterceptedPod> {
    const closing: (() => Promise<unknown>)[] = [];
    try {
      const network = await PodNetwork.create();
      closing.push(() => network.close());
      const web = await PodApplication.start(await network.pod());
      closing.push(() => web.stop());
      const pods: Pod[] = [];
      for (let at = 0; at < instances; at += 1) {
        const pod = await network.pod();
        const orders = await PodLoad.start(pod, ['serve', String(PORT), 'orders']);
        closing.push(() => orders.stop());
        pods.push(pod);
      }
      const bridge = await RulesBridge.start({ 'orders.yaml': serviceEntry(pods) });
      closing.push(() => bridge.close());
      // The bridge listens on this machine's loopback only; files are what the pods have in common with it.
      const socket = join(bridge.bridge.directory, 'xds.sock');
      const gate = await gateTo(bridge.xds, socket);
      closing.push(async () => gate.close());
      await web.forward(15_012, socket);
      const node = `sidecar~${web.pod.address}~web.shop~shop.svc.cluster.local`;
      const args = ['proxy', 'bootstrap', '--node', node, '--xds', '127.0.0.1:15012', '--interception', 'REDIRECT'];
      const { code, stdout, stderr } = await startCli([...args, '--egress', EGRESS], { cwd: tmpdir() }).ended;
      if (code !== 0) throw new Error(stderr);
      const sidecar = await PodSidecar.start(web, stdout, 'REDIRECT');
      closing.push(() => sidecar.stop());
      const excluded = [...rule, '-j', 'RETURN'];
      await web.pod.iptables('-t', 'nat', '-I', 'MESH_OUT', '1', ...excluded);
      return new InterceptedPod({ addresses: pods.map(({ address }) => `${address}:${PORT}`), web, sidecar }, excluded, closing);
    } catch (error) {
      for (const close of closing.toReversed()) await close();
      throw error;
    }
  }

  /** From now on everything is brought to the proxy. */
  async excludeNothing(): Promise<void> {
    await this.web.pod.iptables('-t', 'nat', '-D', 'MESH_OUT', ...this.#excluded);
  }

  /** Whoever else runs in it must have ended. */
  async stop(): Promise<void> {
    for (const close of this.#closing.toReversed()) await close();
  }
}

async function gateTo(port: number, socket: string): Promise<Server> {
  const gate = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const end of [from, to]) end.on('error', () => (from.destroy(), to.destroy()));
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => gate.listen(socket, resolve));
  return gate;
}

function serviceEntry(instances: readonly Pod[]): string {
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
  endpoints: [${instances.map(({ address }) => `{ address: ${address} }`).join(', ')}]
`;
}
