/**
 * The one container of a Pod, run by a Docker engine as a kubelet would have it run: a kubelet itself needs a machine of its own
 * (it changes its sysctls). Who decides what becomes of a probe's outcome is the test.
 */
import type { ExecException } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { DockerCall, DockerEngine } from './docker.ts';
import type { KubernetesServer } from './kubernetes.ts';
import { dockerArguments, serviceLinks, type LinkedService, type Machine } from './pod-arguments.ts';
import { readPod, type Pod, type Probe } from './pod-spec.ts';
import { makeVolumes } from './pod-volumes.ts';

export interface PodContainerOptions extends Pick<Machine, 'network' | 'address'> {
  readonly engine: DockerEngine;
  readonly kubernetes: KubernetesServer;
  /** As the API server has it. */
  readonly pod: unknown;
  /** Where its volumes are made; those of claims outlive the container. */
  readonly dir: string;
}

/** A failure with what the command said, as the Pod's events have it. */
export type ProbeOutcome = 'ok' | 'timed out' | `failed: ${string}`;

export class PodContainer {
  readonly #pod: Pod;
  readonly #options: PodContainerOptions;

  private constructor(pod: Pod, options: PodContainerOptions) {
    this.#pod = pod;
    this.#options = options;
  }

  static async start(options: PodContainerOptions): Promise<PodContainer> {
    const { engine, kubernetes, dir } = options;
    const pod = readPod(options.pod);
    const list = async (path: string) => ((await kubernetes.must({ path })) as { items: LinkedService[] }).items;
    const environment = serviceLinks([
      ...(await list('/api/v1/namespaces/default/services')).filter(({ metadata }) => metadata.name === 'kubernetes'),
      ...(await list(`/api/v1/namespaces/${pod.metadata.namespace}/services`)),
    ]);
    const directories = await makeVolumes(kubernetes, pod, dir);
    await engine.docker(dockerArguments(pod, { ...options, environment, directories }));
    await engine.docker(['start', pod.metadata.name]);
    return new PodContainer(pod, options);
  }

  /** What its Service's `targetPort` means by a name. */
  port(name: string): number {
    const found = this.#pod.spec.containers[0].ports.find((port) => port.name === name);
    if (found === undefined) throw new Error(`the container has no port ${name}`);
    return found.containerPort;
  }

  /** One attempt. */
  async probe(kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): Promise<ProbeOutcome> {
    const { exec, timeoutSeconds } = this.#probe(kind);
    try {
      await this.exec(exec.command, timeoutSeconds * 1_000);
      return 'ok';
    } catch (error) {
      const { killed = false, stdout = '', stderr = '' } = (error as Error).cause as Partial<ExecException>;
      return killed ? 'timed out' : `failed: ${stdout}${stderr}`;
    }
  }

  /** As often as the manifest lets it fail. @throws when a kubelet would kill it */
  async started(): Promise<void> {
    const { periodSeconds, failureThreshold } = this.#probe('startupProbe');
    for (let failures = 0; (await this.probe('startupProbe')) !== 'ok'; await delay(periodSeconds * 1_000)) {
      failures += 1;
      if (failures === failureThreshold) throw new Error(`it did not start in time:\n${await this.log()}`);
    }
  }

  /** Milliseconds. */
  exec(command: readonly string[], timeoutMs?: number): Promise<string> {
    return this.#docker(['exec', this.#pod.metadata.name, ...command], timeoutMs === undefined ? {} : { timeoutMs });
  }

  log(): Promise<string> {
    return this.#docker(['logs', '--tail', '40', this.#pod.metadata.name], { stderr: true });
  }

  /** As on a machine whose CPUs are all taken; 0: as it was. */
  async slow(milliCpu: number): Promise<void> {
    const quota = String(milliCpu * 100);
    await this.#docker([
      'update',
      '--cpu-period',
      '100000',
      '--cpu-quota',
      milliCpu === 0 ? '-1' : quota,
      this.#pod.metadata.name,
    ]);
  }

  async signal(name: 'STOP' | 'CONT'): Promise<void> {
    await this.#docker(['kill', '--signal', name, this.#pod.metadata.name]);
  }

  /** Paths in the container's own file system, which its image does not have so, but for the places of mounts. */
  async written(): Promise<readonly string[]> {
    const mounts = this.#pod.spec.containers[0].volumeMounts.map(
      ({ mountPath }) => `${mountPath.replace(/^\/var\/run\//, '/run/')}/`,
    );
    const changes = await this.#docker(['diff', this.#pod.metadata.name]);
    const paths = changes.split('\n').flatMap((line) => (line === '' ? [] : [line.slice(2)]));
    return paths.filter((path) => !mounts.some((mount) => mount.startsWith(`${path}/`)));
  }

  /** ConfigMaps and token as they are at the API server now; a kubelet looks every minute. */
  async renewVolumes(): Promise<void> {
    await makeVolumes(this.#options.kubernetes, this.#pod, this.#options.dir);
  }

  /** SIGTERM, and SIGKILL after the Pod's grace period. @returns its exit code: 137 when it had to be killed */
  async stop(): Promise<number> {
    const { name } = this.#pod.metadata;
    await this.#docker(['stop', name]);
    const code = Number(await this.#docker(['inspect', '--format', '{{.State.ExitCode}}', name]));
    await this.#docker(['rm', name]);
    return code;
  }

  #probe(kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): Probe {
    return this.#pod.spec.containers[0][kind];
  }

  #docker(args: readonly string[], call?: DockerCall): Promise<string> {
    return this.#options.engine.docker(args, call);
  }
}
