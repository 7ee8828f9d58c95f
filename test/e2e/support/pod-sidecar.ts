import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { provide, servers, spawnGuarded, tail } from '@isthmus/servers';
import type { Guarded, Pod } from '@isthmus/servers';
import type { PodApplication } from './pod-application.ts';

/** As Istio's injected proxies have it. */
const PROXY_USER = '1337';
const ADMIN = 15_000;

export type CaptureMode = 'REDIRECT' | 'TPROXY';

/** Envoy in a pod, with connections brought to it by iptables as Istio does it; the workload does not know. */
export class PodSidecar {
  readonly #directory: string;
  readonly #application: PodApplication;
  #envoy: Guarded | undefined;

  private constructor(directory: string, application: PodApplication) {
    this.#directory = directory;
    this.#application = application;
  }

  /** @param bootstrap as `isthmus proxy bootstrap` wrote it */
  static async start(application: PodApplication, bootstrap: string, mode: CaptureMode): Promise<PodSidecar> {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-pod-envoy-'));
    await writeFile(join(directory, 'envoy.yaml'), bootstrap);
    const sidecar = new PodSidecar(directory, application);
    try {
      await sidecar.run();
      await (mode === 'REDIRECT' ? redirect(application.pod) : tproxy(application.pod));
    } catch (error) {
      const log = sidecar.log();
      await sidecar.stop();
      throw new Error(`Envoy in ${application.pod.name}:\n${log}`, { cause: error });
    }
    return sidecar;
  }

  /** Starts Envoy, again after `kill`; what iptables do stays as it is. */
  async run(): Promise<void> {
    const { home } = await provide('envoy');
    const { recipe } = servers.envoy;
    const program = join(home, recipe.kind === 'wheel' ? recipe.program : '');
    const directory = this.#directory;
    // A user of its own, who may read what is root's (the program in root's cache) and, for TPROXY, take others' addresses.
    const rights = '+dac_read_search,+dac_override,+net_admin,+net_bind_service';
    const asProxy = ['setpriv', '--reuid', PROXY_USER, '--regid', PROXY_USER, '--clear-groups', '--inh-caps', rights];
    const flags = ['--log-level', 'warning', '--concurrency', '1', '--disable-hot-restart'];
    const output = openSync(join(directory, 'envoy.log'), 'w');
    const command = [...asProxy, '--ambient-caps', rights, program, '-c', join(directory, 'envoy.yaml'), ...flags];
    this.#envoy = await spawnGuarded(this.#application.pod.command(command), {
      cwd: directory,
      output,
      removeWhenOrphaned: directory,
    });
    closeSync(output);
    await until('Envoy is live', async () => (await this.admin('/ready')).status === 200);
  }

  /** Ends Envoy as `kill -9` does. */
  async kill(): Promise<void> {
    await this.#envoy?.killGroup();
  }

  admin(path: string): ReturnType<PodApplication['http']> {
    return this.#application.http('127.0.0.1', ADMIN, path);
  }

  /** Counters whose name fits, by name. */
  async stats(filter: string): Promise<Readonly<Record<string, number>>> {
    const { body } = await this.admin(`/stats?filter=${encodeURIComponent(filter)}`);
    const lines = body.split('\n').map((line) => line.split(': '));
    return Object.fromEntries(lines.flatMap(([name, value]) => (name && value ? [[name, Number(value)]] : [])));
  }

  log(): string {
    return tail(join(this.#directory, 'envoy.log'), 60);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** What comes in from other pods; the proxy's own ports are left alone. */
const OWN_PORTS = ['-m', 'multiport', '--dports', '15000,15008,15012,15020,15021,15090', '-j', 'RETURN'];

/** Outgoing connections of everybody but the proxy go to 15001. */
async function outbound({ iptables }: Pod, inbound: string | undefined): Promise<void> {
  const nat = (...args: readonly string[]): Promise<void> => iptables('-t', 'nat', ...args);
  await nat('-N', 'MESH_OUT');
  // The proxy's connections to its own application come from 127.0.0.6.
  await nat('-A', 'MESH_OUT', '-o', 'lo', '-s', '127.0.0.6/32', '-j', 'RETURN');
  const byProxy = ['-m', 'owner', '--uid-owner', PROXY_USER];
  // Who calls his own service gets to himself through both listeners.
  if (inbound !== undefined) {
    await nat('-A', 'MESH_OUT', '-o', 'lo', '!', '-d', '127.0.0.1/32', '-p', 'tcp', ...byProxy, '-j', inbound);
    await nat('-A', 'MESH_OUT', '-o', 'lo', '-m', 'owner', '!', '--uid-owner', PROXY_USER, '-j', 'RETURN');
  }
  await nat('-A', 'MESH_OUT', ...byProxy, '-j', 'RETURN');
  await nat('-A', 'MESH_OUT', '-d', '127.0.0.1/32', '-j', 'RETURN');
  await nat('-A', 'MESH_OUT', '-p', 'tcp', '-j', 'REDIRECT', '--to-ports', '15001');
  await nat('-A', 'OUTPUT', '-p', 'tcp', '-j', 'MESH_OUT');
}

async function redirect(pod: Pod): Promise<void> {
  const nat = (...args: readonly string[]): Promise<void> => pod.iptables('-t', 'nat', ...args);
  await nat('-N', 'MESH_TO_PROXY');
  await nat('-A', 'MESH_TO_PROXY', '-p', 'tcp', '-j', 'REDIRECT', '--to-ports', '15006');
  await nat('-N', 'MESH_IN');
  await nat('-A', 'MESH_IN', '-p', 'tcp', ...OWN_PORTS);
  await nat('-A', 'MESH_IN', '-p', 'tcp', '-j', 'MESH_TO_PROXY');
  await nat('-A', 'PREROUTING', '-p', 'tcp', '-j', 'MESH_IN');
  await outbound(pod, 'MESH_TO_PROXY');
}

/** Marked packets are for this machine, whatever address they go to: the proxy gets them, and answers from that address. */
async function tproxy(pod: Pod): Promise<void> {
  const mangle = (...args: readonly string[]): Promise<void> => pod.iptables('-t', 'mangle', ...args);
  const mark = ['-j', 'MARK', '--set-mark', PROXY_USER];
  await mangle('-N', 'MESH_IN');
  await mangle('-A', 'MESH_IN', '-p', 'tcp', ...OWN_PORTS);
  await mangle('-A', 'MESH_IN', '-p', 'tcp', '-m', 'mark', '--mark', PROXY_USER, '-j', 'RETURN');
  await mangle('-A', 'MESH_IN', '-i', 'lo', '-m', 'mark', '!', '--mark', '1338', '-j', 'RETURN');
  await mangle('-N', 'MESH_DIVERT');
  await mangle('-A', 'MESH_DIVERT', ...mark);
  await mangle('-A', 'MESH_DIVERT', '-j', 'ACCEPT');
  await mangle('-A', 'MESH_IN', '-p', 'tcp', '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'MESH_DIVERT');
  const toProxy = ['-j', 'TPROXY', '--tproxy-mark', PROXY_USER, '--on-port', '15006'];
  await mangle('-A', 'MESH_IN', '-p', 'tcp', '!', '-d', '127.0.0.1/32', ...toProxy);
  await mangle('-A', 'PREROUTING', '-p', 'tcp', '-j', 'MESH_IN');
  // The application's answers to an address that the proxy took go back to the proxy.
  await mangle('-A', 'PREROUTING', '-p', 'tcp', '-m', 'mark', '--mark', PROXY_USER, '-j', 'CONNMARK', '--save-mark');
  await mangle('-A', 'OUTPUT', '-p', 'tcp', '-m', 'connmark', '--mark', PROXY_USER, '-j', 'CONNMARK', '--restore-mark');
  await pod.ip('rule', 'add', 'fwmark', PROXY_USER, 'lookup', '133');
  await pod.ip('route', 'add', 'local', 'default', 'dev', 'lo', 'table', '133');
  await outbound(pod, undefined);
}
