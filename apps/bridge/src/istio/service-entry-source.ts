import { parseSourceId, runInSlices, serviceId } from '@isthmus/model';
import type { Scope, ServiceId, ServiceKey, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import type { IstioConfigStore, ObjectChange } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { EventChannel, ServiceEntryHost, isTooFar, selects } from '@isthmus/registry';
import type { PlainServiceEntry, PlainWorkload, RecordResult, RegistrySource } from '@isthmus/registry';
import { plainEntry, plainWorkload } from '@isthmus/registry-mcp';

/** Label of what an output of Isthmus wrote (libs/outputs). */
const OWN_MESH = 'isthmus.dev/mesh';

/** Its name in ids, messages and `merge` rules; a registry of that name is another one. */
export const ISTIO_SOURCE = parseSourceId('istio');

/**
 * The ServiceEntries and WorkloadEntries of the store as services, one record for each host. A change costs the hosts that it
 * names, and one of a workload as much as that workload, however many its hosts have. What proxies register by WorkloadGroups (`AutoRegistration`) is in the store as WorkloadEntries.
 */
export class ServiceEntrySource implements RegistrySource {
  readonly id: SourceId = ISTIO_SOURCE;
  readonly #store: IstioConfigStore;
  readonly #loaded: Promise<void>;
  readonly #meshId: string;
  readonly #readsRules: boolean;
  readonly #scope: Scope = { source: ISTIO_SOURCE, namespace: '', group: '' };

  /**
   * @param loaded see `IstioRules`
   * @param own what this mesh has written itself, with an output, is left out; `readsRules`: all of it is, and only awaited, where the
   * reader of our outputs has the cluster's ServiceEntries from there
   */
  constructor(store: IstioConfigStore, loaded: Promise<void>, own: { readonly meshId: string; readonly readsRules?: boolean }) {
    this.#store = store;
    this.#loaded = loaded;
    this.#meshId = own.meshId;
    this.#readsRules = own.readsRules === true;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const channel = new EventChannel();
    const scope = this.#scope;
    channel.push({ kind: 'status', scope, status: { state: 'syncing' } });
    const index = new HostIndex(this.#meshId);
    let stop = (): void => undefined;
    const begin = async (): Promise<void> => {
      let done = runInSlices(this.#first(index, channel));
      // What changes meanwhile may be in what is read already, or not: taken once more it makes no difference.
      if (!this.#readsRules)
        stop = this.#store.onChange((changes) => {
          done = done.then(() => runInSlices(this.#more(index, channel, changes)));
        });
      await done;
    };
    // What follows from rules, such as the workloads of a group, is there a moment after them.
    void this.#loaded.then(() => this.#store.settled).then(() => (signal.aborted ? undefined : begin()));
    try {
      yield* channel.read(signal);
    } finally {
      stop();
    }
  }

  *#first(index: HostIndex, channel: EventChannel): Generator<void> {
    const scope = this.#scope;
    for (const after of this.#readsRules ? [] : this.#store.objects()) {
      index.take({ before: undefined, after });
      yield;
    }
    const services = new Map<ServiceId, ServiceRecord>();
    for (const host of index.dirty()) {
      const record = yield* index.record(host);
      if (record !== undefined) services.set(serviceId(record.key), record);
      yield;
    }
    channel.push({ kind: 'snapshot', scope, services });
    this.#tell(index, channel);
    channel.push({ kind: 'status', scope, status: { state: 'live' } });
  }

  *#more(index: HostIndex, channel: EventChannel, changes: readonly ObjectChange[]): Generator<void> {
    for (const change of changes) {
      index.take(change);
      yield;
    }
    for (const host of index.dirty()) {
      const service = yield* index.record(host);
      channel.push(service === undefined ? { kind: 'remove', key: keyOf(host) } : { kind: 'upsert', service });
      yield;
    }
    this.#tell(index, channel);
  }

  #tell(index: HostIndex, channel: EventChannel): void {
    if (index.rejectionsChanged()) channel.push({ kind: 'diagnostics', scope: this.#scope, diagnostics: index.rejections() });
  }
}

function keyOf(host: string): ServiceKey {
  return { source: ISTIO_SOURCE, namespace: '', group: '', name: host };
}

type Rejected = Extract<RecordResult, { readonly rejected: unknown }>['rejected'];

/** Who has a host, and who is chosen by whom. */
class HostIndex {
  readonly #byHost = new Map<string, Map<string, PlainServiceEntry>>();
  /** Of a namespace: entries with a selector, and workloads. */
  readonly #selecting = new Map<string, Map<string, PlainServiceEntry>>();
  readonly #workloads = new Map<string, Map<string, PlainWorkload>>();
  readonly #rejected = new Map<string, Rejected>();
  /** Of hosts whose entries select workloads. */
  readonly #hosts = new Map<string, ServiceEntryHost>();
  readonly #dirty = new Set<string>();
  #isNews = false;
  readonly #meshId: string;

  constructor(meshId: string) {
    this.#meshId = meshId;
  }

  /** The hosts whose records may have changed since the last time, sorted. */
  dirty(): readonly string[] {
    const hosts = [...this.#dirty].sort();
    this.#dirty.clear();
    return hosts;
  }

  take({ before, after }: ObjectChange): void {
    for (const object of [before, after]) {
      if (object?.kind === 'ServiceEntry') this.#entry(object as IstioObject<'ServiceEntry'>, object === after);
      if (object?.kind === 'WorkloadEntry') this.#workload(object as IstioObject<'WorkloadEntry'>, object === after);
    }
  }

  /** In small steps; nothing may be taken meanwhile. Undefined: nobody has the host, or nothing can be made of it. */
  *record(host: string): Generator<void, ServiceRecord | undefined> {
    const entries = [...(this.#byHost.get(host)?.values() ?? [])];
    const had = this.#rejected.delete(host);
    this.#isNews ||= had;
    if (entries.length === 0) return undefined;
    let known = this.#hosts.get(host);
    if (known === undefined) {
      known = new ServiceEntryHost(keyOf(host), entries, (entry) => this.#chosenBy(entry));
      yield* known.fill();
      if (known.isKept) this.#hosts.set(host, known);
    }
    const result = known.record();
    if ('record' in result) return result.record;
    this.#rejected.set(host, result.rejected);
    this.#isNews = true;
    return undefined;
  }

  rejectionsChanged(): boolean {
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews;
  }

  rejections(): readonly Rejected[] {
    return [...this.#rejected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rejected]) => rejected);
  }

  #entry({ spec, namespace, name, createdAt, annotations, labels }: IstioObject<'ServiceEntry'>, isThere: boolean): void {
    const entry = plainEntry(spec, { namespace, name, createdAt, annotations, labels });
    if (isTooFar(entry) || labels[OWN_MESH] === this.#meshId) return;
    for (const host of entry.hosts) {
      put(this.#byHost, host, entry.namespace, entry.name, isThere ? entry : undefined);
      this.#hosts.delete(host);
      this.#dirty.add(host);
    }
    if (entry.selector !== undefined)
      put(this.#selecting, entry.namespace, entry.namespace, entry.name, isThere ? entry : undefined);
  }

  #workload({ namespace, name, spec }: IstioObject<'WorkloadEntry'>, isThere: boolean): void {
    const workload = plainWorkload(spec, `${namespace}/${name}`);
    put(this.#workloads, namespace, namespace, name, isThere ? workload : undefined);
    for (const entry of this.#selecting.get(namespace)?.values() ?? []) {
      if (!selects(entry, spec.labels)) continue;
      for (const host of entry.hosts) {
        this.#hosts.get(host)?.change(entry, workload.name, isThere ? workload : undefined);
        this.#dirty.add(host);
      }
    }
  }

  *#chosenBy(entry: PlainServiceEntry): Generator<PlainWorkload> {
    for (const workload of this.#workloads.get(entry.namespace)?.values() ?? [])
      if (selects(entry, workload.labels)) yield workload;
  }
}

function put<T>(index: Map<string, Map<string, T>>, at: string, namespace: string, name: string, value: T | undefined): void {
  const inner = index.get(at) ?? new Map<string, T>();
  if (value === undefined) inner.delete(`${namespace}/${name}`);
  else inner.set(`${namespace}/${name}`, value);
  if (inner.size === 0) index.delete(at);
  else index.set(at, inner);
}
