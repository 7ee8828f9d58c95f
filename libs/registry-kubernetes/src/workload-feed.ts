import type { SourceStatus, Workload, WorkloadEvent } from '@isthmus/model';
import { NOWHERE } from '@isthmus/model';
import type { InformerEvent, InformerStatus, KeyedQueue } from '@isthmus/kube';
import { isSettled } from './informers.ts';
import type { Informers } from './informers.ts';
import type { KeptPod } from './kept.ts';

/** The Pods as workloads: who is behind an address. */
export class WorkloadFeed {
  readonly #informers: Informers;
  readonly #queue: KeyedQueue<WorkloadEvent>;
  readonly #leave: (() => Promise<void>)[] = [];
  #status: SourceStatus = { state: 'syncing' };
  #said = '';

  constructor(informers: Informers, queue: KeyedQueue<WorkloadEvent>) {
    this.#informers = informers;
    this.#queue = queue;
  }

  start(): void {
    const { parts, nodes } = this.#informers;
    this.#say(this.#status);
    this.#leave.push(nodes.listen((event) => this.#onNode(event)));
    for (const { pods } of parts) if (pods !== undefined) this.#leave.push(pods.listen((event) => this.#onPod(event)));
    this.#onStatus();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#leave.map((leave) => leave()));
  }

  get #isLive(): boolean {
    return this.#status.state === 'live' || this.#status.state === 'partial';
  }

  #onPod(event: InformerEvent<KeptPod>): void {
    switch (event.kind) {
      case 'status':
        return this.#onStatus();
      case 'snapshot':
        if (this.#isLive) this.#sayWhole(); // another part's, or what a resync found missing
        break;
      case 'upsert':
        if (this.#isLive) this.#queue.push({ kind: 'upsert', workload: this.#workload(event.object) }, event.key);
        break;
      case 'remove':
        if (this.#isLive) this.#queue.push({ kind: 'remove', id: event.key }, event.key);
        break;
      default:
        event satisfies never;
    }
  }

  #onNode(event: InformerEvent<unknown>): void {
    if (event.kind === 'status') return this.#onStatus();
    if (!this.#isLive) return;
    if (event.kind === 'snapshot') return this.#sayWhole();
    for (const pod of this.#pods()) {
      if (pod.node === event.key) this.#queue.push({ kind: 'upsert', workload: this.#workload(pod) }, pod.id);
    }
  }

  #onStatus(): void {
    const { parts, nodes } = this.#informers;
    const statuses = parts.flatMap(({ pods }) => pods?.status ?? []);
    const lost = statuses.find((status): status is Stale => status.state === 'stale');
    if (lost !== undefined) return this.#say({ state: 'stale', since: lost.since, cause: lost.error.line });
    if (!statuses.every(({ state }) => state === 'live') || !isSettled(nodes.status)) return;
    if (!this.#isLive) {
      this.#status = this.#liveStatus();
      this.#sayWhole();
    }
    this.#say(this.#liveStatus());
  }

  /** With some namespaces only, an address without a Pod may be that of a Pod elsewhere. */
  #liveStatus(): SourceStatus {
    const names = this.#informers.parts.map(({ namespace }) => namespace).filter((namespace) => namespace !== '');
    return names.length === 0
      ? { state: 'live' }
      : { state: 'partial', cause: `Pods of the namespaces ${names.join(', ')} only` };
  }

  #sayWhole(): void {
    const workloads = new Map<string, Workload>();
    for (const pod of this.#pods()) workloads.set(pod.id, this.#workload(pod));
    this.#queue.clear();
    this.#queue.push({ kind: 'snapshot', workloads });
    this.#queue.push({ kind: 'status', status: this.#liveStatus() });
    this.#said = JSON.stringify(this.#liveStatus());
  }

  *#pods(): Generator<KeptPod> {
    for (const { pods } of this.#informers.parts) yield* pods?.objects.values() ?? [];
  }

  #workload(pod: KeptPod): Workload {
    return { ...pod, locality: this.#informers.nodes.objects.get(pod.node) ?? NOWHERE };
  }

  #say(status: SourceStatus): void {
    this.#status = status;
    const text = JSON.stringify(status);
    if (text === this.#said) return;
    this.#said = text;
    this.#queue.pushOver({ kind: 'status', status }, (last) => last.kind === 'status');
  }
}

type Stale = Extract<InformerStatus, { readonly state: 'stale' }>;
