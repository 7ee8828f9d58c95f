import { scopeId, serviceId } from '@isthmus/model';
import type { Diagnostic, Scope, ServiceId, ServiceRecord, SourceEvent, SourceId, SourceStatus } from '@isthmus/model';

/** Diagnostics of a scope; the rest is left out. */
const MOST_DIAGNOSTICS = 50;

interface Told {
  readonly scope: Scope;
  readonly records: Map<ServiceId, ServiceRecord>;
  readonly rejected: Map<string, Diagnostic>;
  /** What is wrong with the reading itself. */
  problems: readonly Diagnostic[];
  status: string;
  diagnostics: string;
}

/** What was told of every namespace; equal content is told once. */
export class ScopeBook {
  readonly #source: SourceId;
  readonly #emit: (event: SourceEvent) => void;
  readonly #scopes = new Map<string, Told>();

  constructor(source: SourceId, emit: (event: SourceEvent) => void) {
    this.#source = source;
    this.#emit = emit;
  }

  namespaces(): Iterable<string> {
    return this.#scopes.keys();
  }

  has(namespace: string): boolean {
    return this.#scopes.has(namespace);
  }

  /** `namespace/name` of its services. */
  *names(namespace: string): Generator<string> {
    for (const { key } of this.#scopes.get(namespace)?.records.values() ?? []) yield `${key.namespace}/${key.name}`;
    yield* this.#scopes.get(namespace)?.rejected.keys() ?? [];
  }

  /** Begins a scope, if there is none yet: its first word is `syncing`. */
  open(namespace: string): void {
    if (this.#scopes.has(namespace)) return;
    const scope = { source: this.#source, namespace, group: '' };
    const told: Told = { scope, records: new Map(), rejected: new Map(), problems: [], status: '', diagnostics: '[]' };
    this.#scopes.set(namespace, told);
    this.#say(told, { state: 'syncing' });
  }

  record(namespace: string, id: ServiceId): ServiceRecord | undefined {
    return this.#scopes.get(namespace)?.records.get(id);
  }

  /** Notes it without a word. */
  note(record: ServiceRecord | undefined, namespace: string, id: ServiceId): void {
    const told = this.#of(namespace);
    if (record === undefined) told.records.delete(id);
    else told.records.set(id, record);
  }

  tell(record: ServiceRecord): void {
    this.note(record, record.key.namespace, serviceId(record.key));
    this.#emit({ kind: 'upsert', service: record });
  }

  tellRemoved(record: ServiceRecord): void {
    this.note(undefined, record.key.namespace, serviceId(record.key));
    this.#emit({ kind: 'remove', key: record.key });
  }

  /** All that is noted of the namespace, as a complete read. */
  tellWhole(namespace: string): void {
    const { scope, records } = this.#of(namespace);
    this.#emit({ kind: 'snapshot', scope, services: new Map(records) });
  }

  status(namespace: string, status: SourceStatus): void {
    this.#say(this.#of(namespace), status);
  }

  reject(namespace: string, key: string, diagnostic: Diagnostic | undefined): boolean {
    const { rejected } = this.#of(namespace);
    if (diagnostic === undefined) return rejected.delete(key);
    rejected.set(key, diagnostic);
    return true;
  }

  problems(namespace: string, problems: readonly Diagnostic[]): void {
    this.#of(namespace).problems = problems;
    this.tellDiagnostics(namespace);
  }

  tellDiagnostics(namespace: string): void {
    const told = this.#of(namespace);
    const rejected = [...told.rejected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, diagnostic]) => diagnostic);
    const diagnostics = [...told.problems, ...rejected].slice(0, MOST_DIAGNOSTICS);
    const text = JSON.stringify(diagnostics);
    if (text === told.diagnostics) return;
    told.diagnostics = text;
    this.#emit({ kind: 'diagnostics', scope: told.scope, diagnostics });
  }

  #of(namespace: string): Told {
    this.open(namespace);
    const told = this.#scopes.get(namespace);
    if (told === undefined) throw new Error(`no scope ${scopeId({ source: this.#source, namespace, group: '' })}`);
    return told;
  }

  #say(told: Told, status: SourceStatus): void {
    const text = JSON.stringify(status);
    if (text === told.status) return;
    told.status = text;
    this.#emit({ kind: 'status', scope: told.scope, status });
  }
}
