import type { KeyedQueue, SourceStatus, Workload, WorkloadEvent } from '@isthmus/model';
import { NOWHERE } from '@isthmus/model';
import type { InformerEvent, InformerStatus } from '@isthmus/kube';
import { isSettled } from './informers.ts';
import type { Informers } from './informers.ts';
import type { KeptPod } from './kept.ts';
import { Turn } from './turn.ts';

const TURN_MS = 5;

/** The Pods as workloads: who is behind an address. */
export class WorkloadFeed {
  readonly #informers: Informers;
  readonly #queue: KeyedQueue<WorkloadEvent>;
  readonly #onError: (error: unknown) => void;
  readonly #leave: (() => Promise<void>)[] = [];
  #live = false;
  /** The complete list that is being made; what changes meanwhile goes into it. */
  #building: Map<string, Workload> | undefined;
  #said = '';

  constructor(informers: Informers, queue: KeyedQueue<WorkloadEvent>, onError: (error: unknown) => void) {
    this.#informers = informers;
    this.#queue = queue;
    this.#onError = onError;
  }

  start(): void {
    const { parts, nodes } = this.#informers;
    this.#say({ state: 'syncing' });
    this.#leave.push(nodes.listen((event) => this.#onNode(event)));
    for (const { pods } of parts) if (pods !== undefined) this.#leave.push(pods.listen((event) => this.#onPod(event)));
    this.#onStatus();
  }

  async stop(): Promise<void> {
    this.#building = undefined;
    await Promise.all(this.#leave.map((leave) => leave()));
  }

  #onPod(event: InformerEvent<KeptPod>): void {
    switch (event.kind) {
      case 'status':
        return this.#onStatus();
      case 'snapshot':
        if (this.#live || this.#building !== undefined) this.#build(); // another part's, or what a resync found missing
        break;
      case 'upsert':
        this.#put(event.object);
        break;
      case 'remove':
        if (this.#building !== undefined) this.#building.delete(event.key);
        else if (this.#live) this.#queue.push({ kind: 'remove', id: event.key }, event.key);
        break;
      default:
        event satisfies never;
    }
  }

  #onNode(event: InformerEvent<unknown>): void {
    if (event.kind === 'status') return this.#onStatus();
    if (!this.#live && this.#building === undefined) return;
    if (event.kind === 'snapshot') return this.#build();
    for (const pod of this.#pods()) if (pod.node === event.key) this.#put(pod);
  }

  #put(pod: KeptPod): void {
    const workload = this.#workload(pod);
    if (this.#building !== undefined) this.#building.set(pod.id, workload);
    else if (this.#live) this.#queue.push({ kind: 'upsert', workload }, pod.id);
  }

  #onStatus(): void {
    const { parts, nodes } = this.#informers;
    const statuses = parts.flatMap(({ pods }) => pods?.status ?? []);
    const lost = statuses.find((status): status is Stale => status.state === 'stale');
    if (lost !== undefined) {
      this.#live = false;
      this.#building = undefined;
      this.#say({ state: 'stale', since: lost.since, cause: lost.error.line });
    } else if (!this.#live && this.#building === undefined) {
      if (statuses.every(({ state }) => state === 'live') && isSettled(nodes.status)) this.#build();
    }
  }

  /** With some namespaces only, an address without a Pod may be that of a Pod elsewhere. */
  #liveStatus(): SourceStatus {
    const names = this.#informers.parts.map(({ namespace }) => namespace).filter((namespace) => namespace !== '');
    return names.length === 0
      ? { state: 'live' }
      : { state: 'partial', cause: `Pods of the namespaces ${names.join(', ')} only` };
  }

  #build(): void {
    this.#live = false;
    this.#finish((this.#building = new Map())).catch((error: unknown) => this.#onError(error));
  }

  /** A hundred thousand Pods are no single turn of the event loop. The Pods are walked while they are kept up to date. */
  async #finish(workloads: Map<string, Workload>): Promise<void> {
    const turn = new Turn(TURN_MS);
    for (const pod of this.#pods()) {
      workloads.set(pod.id, this.#workload(pod));
      if (!turn.isOver) continue;
      await turn.next();
      if (this.#building !== workloads) return; // lost meanwhile, or begun again
    }
    this.#building = undefined;
    this.#live = true;
    this.#queue.clear();
    this.#queue.push({ kind: 'snapshot', workloads });
    this.#said = '';
    this.#say(this.#liveStatus());
  }

  *#pods(): Generator<KeptPod> {
    for (const { pods } of this.#informers.parts) yield* pods?.objects.values() ?? [];
  }

  #workload(pod: KeptPod): Workload {
    return { ...pod, locality: this.#informers.nodes.objects.get(pod.node) ?? NOWHERE };
  }

  #say(status: SourceStatus): void {
    const text = JSON.stringify(status);
    if (text === this.#said) return;
    this.#said = text;
    this.#queue.pushOver({ kind: 'status', status }, (last) => last.kind === 'status');
  }
}

type Stale = Extract<InformerStatus, { readonly state: 'stale' }>;
