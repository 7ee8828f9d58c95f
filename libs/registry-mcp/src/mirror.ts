import { serviceId } from '@isthmus/model';
import type { Diagnostic, ServiceId, ServiceKey, ServiceRecord, SourceId, TypeUrl } from '@isthmus/model';
import { isTooFar, printable, scopeDiagnostic, selects, serviceEntryRecord } from '@isthmus/registry';
import type { PlainServiceEntry, PlainWorkload } from '@isthmus/registry';
import type { Answer } from './answer.ts';
import { decodeResource } from './decode.ts';
import type { Decoded } from './decode.ts';
import { SERVICE_ENTRY, TYPES, WORKLOAD_ENTRY } from './types.ts';

const MOST_PROBLEMS = 100;
/** What a workload is selected by. */
type Workload = PlainWorkload & { readonly namespace: string };

/**
 * What the server has, by type and name, and the hosts that it makes. A change costs the entries of its hosts; one of a
 * WorkloadEntry also a look at the entries of its namespace that select.
 */
export class Mirror {
  readonly #source: SourceId;
  readonly #isWanted: (host: string) => boolean;
  readonly #held = new Map<TypeUrl, Map<string, Exclude<Decoded, { kind: 'bad' }>>>(TYPES.map((type) => [type, new Map()]));
  readonly #namesOf = new Map<string, Set<string>>();
  readonly #selecting = new Map<string, Set<string>>();
  readonly #workloadsIn = new Map<string, Set<string>>();
  readonly #problems = new Map<string, Diagnostic>();
  readonly #records = new Map<string, ServiceRecord>();

  constructor(source: SourceId, isWanted: (host: string) => boolean) {
    this.#source = source;
    this.#isWanted = isWanted;
  }

  /** For `initial_resource_versions`: what need not be sent again. */
  versions(type: TypeUrl): Record<string, string> {
    const named = [...this.#of(type)].flatMap(([name, { version }]) => (version === '' ? [] : [[name, version] as const]));
    return Object.fromEntries(named);
  }

  get isSelecting(): boolean {
    return this.#selecting.size > 0;
  }

  /** One for each resource that cannot be used, the first hundred. */
  get problems(): readonly Diagnostic[] {
    return [...this.#problems.values()].slice(0, MOST_PROBLEMS);
  }

  /**
   * Takes an answer in small steps. Whatever cannot be read is left as it was before: an entry that does not decode is not
   * an entry that is gone.
   *
   * @param dirty gets the hosts to look at again
   * @returns what to say in a NACK, one line a resource
   */
  *apply(answer: Answer, dirty: Set<string>): Generator<void, readonly string[]> {
    const { type } = answer;
    const refused: string[] = [];
    const seen = new Set<string>();
    let isReadable = true;
    for (const wire of answer.resources) {
      const decoded = decodeResource(type, wire);
      yield;
      const id = `${type} ${decoded.name}`;
      if (decoded.name !== '') seen.add(decoded.name);
      if (decoded.kind === 'bad') {
        isReadable &&= decoded.name !== '';
        refused.push(`${decoded.name || 'a resource without a name'}: ${decoded.what}`);
        this.#problems.set(id, this.#unreadable(type, decoded.name, decoded.what));
        continue;
      }
      this.#problems.delete(id);
      if (this.#of(type).get(decoded.name)?.version === decoded.version && decoded.version !== '') continue;
      this.#put(type, decoded, dirty);
    }
    // A nameless resource may be any of those that seem to be missing.
    const gone = answer.isWhole && isReadable ? [...this.#of(type).keys()].filter((name) => !seen.has(name)) : answer.removed;
    for (const name of gone) {
      this.#drop(type, name, dirty);
      this.#problems.delete(`${type} ${name}`);
      yield;
    }
    return refused;
  }

  /** The host's record now, if it differs from the last one asked for; `remove` when it has none any more. */
  changeOf(host: string): { readonly upsert: ServiceRecord } | { readonly remove: ServiceKey } | undefined {
    const key: ServiceKey = { source: this.#source, namespace: '', group: '', name: host };
    const before = this.#records.get(host);
    const record = this.#recordOf(key);
    if (record === undefined) return this.#records.delete(host) ? { remove: key } : undefined;
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(record)) return undefined;
    this.#records.set(host, record);
    return { upsert: record };
  }

  /** Its endpoints are WorkloadEntries. */
  isSelectingFor(host: string): boolean {
    return [...(this.#namesOf.get(host) ?? [])].some((name) => this.#entry(name)?.selector !== undefined);
  }

  /** All records, as `changeOf` last made them. */
  records(): ReadonlyMap<ServiceId, ServiceRecord> {
    return new Map([...this.#records.values()].map((record) => [serviceId(record.key), record]));
  }

  #recordOf(key: ServiceKey): ServiceRecord | undefined {
    const host = key.name;
    this.#problems.delete(`host ${host}`);
    if (!this.#isWanted(host)) return undefined;
    const known = [...(this.#namesOf.get(host) ?? [])].flatMap((name) => this.#entry(name) ?? []);
    const entries = known.filter((entry) => !isTooFar(entry) && entry.hosts.includes(host));
    if (entries.length < known.length && known.some(isTooFar)) this.#problems.set(`host ${host}`, this.#tooFar(host));
    if (entries.length === 0) return undefined;
    const result = serviceEntryRecord(key, entries, (entry) => this.#selected(entry));
    if ('record' in result) return result.record;
    this.#problems.set(`host ${host}`, result.rejected);
    return undefined;
  }

  #put(type: TypeUrl, decoded: Exclude<Decoded, { kind: 'bad' }>, dirty: Set<string>): void {
    const { name } = decoded;
    this.#touch(name, type, dirty); // what it was
    this.#unlink(name, type);
    this.#of(type).set(name, decoded);
    this.#link(name, type);
    this.#touch(name, type, dirty); // what it is
  }

  #drop(type: TypeUrl, name: string, dirty: Set<string>): void {
    if (!this.#of(type).has(name)) return;
    this.#touch(name, type, dirty);
    this.#unlink(name, type);
    this.#of(type).delete(name);
    this.#link(name, type); // the other spelling may have it too
    this.#touch(name, type, dirty);
  }

  #touch(name: string, type: TypeUrl, dirty: Set<string>): void {
    if (SERVICE_ENTRY.includes(type)) {
      for (const host of this.#entry(name)?.hosts ?? []) dirty.add(host);
      return;
    }
    const workload = this.#workload(name);
    if (workload === undefined) return;
    for (const other of this.#selecting.get(workload.namespace) ?? []) {
      const entry = this.#entry(other);
      if (entry !== undefined && selects(entry, workload.labels)) for (const host of entry.hosts) dirty.add(host);
    }
  }

  #link(name: string, type: TypeUrl): void {
    if (!SERVICE_ENTRY.includes(type)) {
      const workload = this.#workload(name);
      if (workload !== undefined) add(this.#workloadsIn, workload.namespace, name);
      return;
    }
    const entry = this.#entry(name);
    for (const host of entry?.hosts ?? []) add(this.#namesOf, host, name);
    if (entry?.selector !== undefined) add(this.#selecting, entry.namespace, name);
  }

  #unlink(name: string, type: TypeUrl): void {
    if (!SERVICE_ENTRY.includes(type)) {
      const workload = this.#workload(name);
      if (workload !== undefined) remove(this.#workloadsIn, workload.namespace, name);
      return;
    }
    const entry = this.#entry(name);
    for (const host of entry?.hosts ?? []) remove(this.#namesOf, host, name);
    if (entry?.selector !== undefined) remove(this.#selecting, entry.namespace, name);
  }

  #selected(entry: PlainServiceEntry): readonly PlainWorkload[] {
    const names = [...(this.#workloadsIn.get(entry.namespace) ?? [])].sort();
    return names.flatMap((name) => this.#workload(name) ?? []).filter(({ labels }) => selects(entry, labels));
  }

  #entry(name: string): PlainServiceEntry | undefined {
    for (const type of SERVICE_ENTRY) {
      const held = this.#of(type).get(name);
      if (held?.kind === 'service') return held.entry;
    }
    return undefined;
  }

  #workload(name: string): Workload | undefined {
    for (const type of WORKLOAD_ENTRY) {
      const held = this.#of(type).get(name);
      if (held?.kind === 'workload') return { ...held.workload, namespace: name.split('/')[0] ?? '' };
    }
    return undefined;
  }

  #of(type: TypeUrl): Map<string, Exclude<Decoded, { kind: 'bad' }>> {
    return this.#held.get(type) ?? new Map();
  }

  #unreadable(type: TypeUrl, name: string, what: string): Diagnostic {
    return scopeDiagnostic(
      `${this.#source} ${type.split('/').at(-1)} ${printable(name || '(no name)')}`,
      'answer.invalid',
      what,
      'it is refused (NACK); what was known of it stays',
      'correct it at the server that sends it',
    );
  }

  #tooFar(host: string): Diagnostic {
    return scopeDiagnostic(
      `${this.#source} ${printable(host)}`,
      'origin.too-far',
      'it came through another bridge already before it came to the one read here',
      'it is left out: bridges that read each other would keep it alive after its registry has dropped it',
      'read the bridge that reads the registry, or the registry itself',
      'warning',
    );
  }
}

function add(index: Map<string, Set<string>>, key: string, name: string): void {
  const names = index.get(key);
  if (names === undefined) index.set(key, new Set([name]));
  else names.add(name);
}

function remove(index: Map<string, Set<string>>, key: string, name: string): void {
  const names = index.get(key);
  names?.delete(name);
  if (names?.size === 0) index.delete(key);
}
