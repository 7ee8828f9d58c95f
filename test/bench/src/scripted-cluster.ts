import { NOWHERE, parseSourceId } from '@isthmus/model';
import type { Workload, WorkloadEvent } from '@isthmus/model';
import { EventChannel } from '@isthmus/registry';
import type { RegistryKind } from '@isthmus/registry';
import { z } from 'zod';

/** A cluster in this process: one Pod behind every instance of a `ScriptedRegistry`. */
export class ScriptedCluster {
  readonly kind: RegistryKind;
  readonly entry = { name: 'cluster', kind: 'scripted-cluster' };
  readonly #services: number;
  readonly #instances: number;
  readonly #said: WorkloadEvent[] = [];
  #wake: () => void = () => undefined;

  constructor(services: number, instances: number) {
    this.#services = services;
    this.#instances = instances;
    const scope = { source: parseSourceId('cluster'), namespace: '', group: '' };
    const channel = new EventChannel();
    channel.push({ kind: 'snapshot', scope, services: new Map() });
    channel.push({ kind: 'status', scope, status: { state: 'live' } });
    this.kind = {
      kind: 'scripted-cluster',
      schema: z.strictObject({ name: z.string(), kind: z.literal('scripted-cluster') }),
      knowsWorkloads: true,
      createSource: (id) => ({
        id,
        watch: (signal) => channel.read(signal),
        workloads: (signal) => this.#read(signal),
      }),
      doctor: () => Promise.resolve([]),
    };
  }

  sayAll(): void {
    const workloads = new Map<string, Workload>();
    for (let at = 0; at < this.#services * this.#instances; at += 1) {
      const pod = this.#pod(at, true);
      workloads.set(pod.id, pod);
    }
    this.#say({ kind: 'snapshot', workloads });
    this.#say({ kind: 'status', status: { state: 'live' } });
  }

  /** The first Pod of a service is ready, or not. */
  ready(service: number, ready: boolean): void {
    this.#say({ kind: 'upsert', workload: this.#pod(service * this.#instances, ready) });
  }

  #say(event: WorkloadEvent): void {
    this.#said.push(event);
    this.#wake();
  }

  async *#read(signal: AbortSignal): AsyncGenerator<WorkloadEvent> {
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      const event = this.#said.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #pod(at: number, ready: boolean): Workload {
    const owner = `load-${Math.floor(at / this.#instances)}`;
    return {
      id: `bench/${owner}-${at}`,
      uid: String(at),
      addresses: [`10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`],
      ready,
      terminating: false,
      hostNetwork: false,
      labels: { app: owner },
      annotations: {},
      owner,
      node: 'node-1',
      locality: NOWHERE,
      serviceAccount: 'default',
      ports: [{ name: 'http', port: 8_080 }],
    };
  }
}
