import { messageOf, scopeId, scopeOf, serviceId } from '@isthmus/model';
import type { Diagnostic, Endpoint, Scope, ScopeId, ServiceId, ServiceRecord, SourceEvent, SourceStatus } from '@isthmus/model';
import type { RegistrySource } from '../registry-source.ts';

/** What a reader of the source would know now. */
export interface SourceView {
  readonly services: ReadonlyMap<ServiceId, ServiceRecord>;
  status(scope: Scope): SourceStatus | undefined;
  diagnostics(scope: Scope): readonly Diagnostic[];
  /** Endpoints of the service of that name in any scope; empty when it is unknown. */
  endpoints(service: string): readonly Endpoint[];
  has(service: string): boolean;
}

export interface Collector extends SourceView {
  /** Everything that came, in order. */
  readonly events: readonly SourceEvent[];
  /** Broken rules of the event order; the contract suite expects none. */
  readonly violations: readonly string[];
  /**
   * Resolves as soon as the condition holds; asked after every event and every 50 ms.
   * @throws Error naming `what` and the present view when the deadline passes or the source ends.
   */
  until(what: string, condition: (view: Collector) => boolean, deadlineMs?: number): Promise<void>;
  /** Aborts the watch and resolves when the iteration has ended. @throws Error when it has not within `deadlineMs`. */
  stop(deadlineMs?: number): Promise<void>;
}

interface ScopeState {
  status: SourceStatus | undefined;
  /** A complete read since the scope was last syncing or stale: `live` needs one. */
  read: boolean;
  everRead: boolean;
}

/** Reads a source into a view that tests can wait on. Also checks the order of events that every source promises. */
export function collect(source: RegistrySource): Collector {
  const abort = new AbortController();
  const events: SourceEvent[] = [];
  const violations: string[] = [];
  const services = new Map<ServiceId, ServiceRecord>();
  const byName = new Map<string, Set<ServiceId>>();
  const scopes = new Map<ScopeId, ScopeState>();
  const diagnostics = new Map<ScopeId, readonly Diagnostic[]>();
  const watchers = new Set<() => void>();
  let ended: string | undefined;

  const stateOf = (scope: Scope): ScopeState => {
    const id = scopeId(scope);
    let state = scopes.get(id);
    if (state === undefined) scopes.set(id, (state = { status: undefined, read: false, everRead: false }));
    return state;
  };
  const put = (record: ServiceRecord) => {
    const id = serviceId(record.key);
    services.set(id, record);
    const ids = byName.get(record.key.name) ?? new Set();
    byName.set(record.key.name, ids.add(id));
  };
  const drop = (id: ServiceId) => {
    const known = services.get(id);
    if (known !== undefined) byName.get(known.key.name)?.delete(id);
    services.delete(id);
  };

  const apply = (event: SourceEvent) => {
    switch (event.kind) {
      case 'status': {
        const state = stateOf(event.scope);
        if (state.status === undefined && event.status.state !== 'syncing') {
          violations.push(`the first status of ${scopeId(event.scope)} is ${event.status.state}, not syncing`);
        }
        if (event.status.state === 'live' && !state.read) {
          violations.push(`${scopeId(event.scope)} is live without a complete read since it was ${state.status?.state}`);
        }
        if (event.status.state === 'stale' || event.status.state === 'syncing') state.read = false;
        state.status = event.status;
        break;
      }
      case 'snapshot': {
        const state = stateOf(event.scope);
        if (state.status === undefined) violations.push(`a snapshot of ${scopeId(event.scope)} before its first status`);
        state.read = true;
        state.everRead = true;
        for (const [id, record] of services) {
          if (scopeId(scopeOf(record.key)) === scopeId(event.scope) && !event.services.has(id)) drop(id);
        }
        for (const record of event.services.values()) put(record);
        break;
      }
      case 'upsert': {
        const state = stateOf(scopeOf(event.service.key));
        const id = serviceId(event.service.key);
        if (!state.everRead && state.status?.state !== 'partial') violations.push(`an upsert of ${id} before the first snapshot`);
        if (sameContent(services.get(id), event.service)) violations.push(`an upsert of ${id} that changes nothing`);
        put(event.service);
        break;
      }
      case 'remove': {
        const state = stateOf(scopeOf(event.key));
        const id = serviceId(event.key);
        if (!state.everRead) violations.push(`a removal of ${id} before the first snapshot`);
        if (state.status?.state === 'stale') violations.push(`a removal of ${id} while its scope is stale`);
        drop(id);
        break;
      }
      case 'diagnostics':
        diagnostics.set(scopeId(event.scope), event.diagnostics);
        break;
      default:
        event satisfies never;
    }
  };

  const reading = (async () => {
    try {
      for await (const event of source.watch(abort.signal)) {
        events.push(event);
        apply(event);
        for (const watcher of watchers) watcher();
      }
      ended = abort.signal.aborted ? 'stopped' : 'the source ended by itself';
      if (!abort.signal.aborted) violations.push(ended);
    } catch (thrown) {
      ended = `the source threw: ${messageOf(thrown)}`;
      violations.push(ended);
    }
    for (const watcher of watchers) watcher();
  })();

  const collector: Collector = {
    events,
    violations,
    services,
    status: (scope) => scopes.get(scopeId(scope))?.status,
    diagnostics: (scope) => diagnostics.get(scopeId(scope)) ?? [],
    endpoints: (name) => [...(byName.get(name) ?? [])].flatMap((id) => services.get(id)?.endpoints ?? []),
    has: (name) => (byName.get(name)?.size ?? 0) > 0,
    until: (what, condition, deadlineMs = 20_000) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error) => {
          clearTimeout(timer);
          clearInterval(poll);
          watchers.delete(look);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = () => {
          if (condition(collector)) finish();
          else if (ended !== undefined) finish(new Error(`waited for "${what}", but ${ended}`));
        };
        const timer = setTimeout(
          () => finish(new Error(`"${what}" did not come true in ${deadlineMs} ms; ${describeView(scopes, services)}`)),
          deadlineMs,
        );
        const poll = setInterval(look, 50);
        watchers.add(look);
        look();
      }),
    stop: async (deadlineMs = 1_000) => {
      abort.abort();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`the source did not end within ${deadlineMs} ms`)), deadlineMs);
      });
      try {
        await Promise.race([reading, late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
  return collector;
}

function sameContent(a: ServiceRecord | undefined, b: ServiceRecord): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function describeView(scopes: ReadonlyMap<ScopeId, ScopeState>, services: ReadonlyMap<ServiceId, ServiceRecord>): string {
  const states = [...scopes].map(([id, { status }]) => `${id}: ${JSON.stringify(status)}`);
  const first = [...services.values()].slice(0, 5).map((s) => `${s.key.name} (${s.endpoints.length} endpoints)`);
  return `status ${states.join(', ') || 'none'}; ${services.size} services${first.length > 0 ? `: ${first.join(', ')}` : ''}`;
}
