import type { AgentTarget, SdkViewReport, ViewEndpoint } from '@isthmus/contract';
import { isSameEndpoint, viewHash, viewHashAfter } from '@isthmus/ladder';

/** Services that are remembered; beyond, those that no target names are forgotten, the longest unchanged first. */
const MOST_NAMES = 1_024;
/** Endpoints of one service that are kept; of a larger view hash and count are told and nothing else. */
const MOST_ENDPOINTS = 4_096;
/** Kinds of bugs of one service. */
const MOST_BUGS = 16;

interface SeenService {
  readonly endpoints: readonly ViewEndpoint[];
  readonly hash: string;
  readonly count: number;
  /** ms since the epoch. */
  readonly since: number;
}

export interface SdkViewsOptions {
  /** Milliseconds since the epoch; the process's clock by default. */
  readonly now?: () => number;
}

export interface SdkViewListener {
  /** The SDK sees something else of a service than before. */
  readonly changed?: (sdkName: string) => void;
  /** A bug of a client library was seen for the first time at this service. */
  readonly bug?: (sdkName: string, code: string, message: string) => void;
}

/**
 * What the SDKs of this process know of their services. Wrappers of registry clients say so (`observe`) whenever their client has
 * news: nothing here asks a registry anything. Services are named as in `AgentTarget.sdkNames`, `KIND/NAMESPACE/GROUP/NAME`.
 * Works before there is an agent and without one; bounded; never throws, because it is called from a client's callbacks.
 */
export class SdkViews {
  readonly #now: () => number;
  readonly #seen = new Map<string, SeenService>();
  readonly #bugs = new Map<string, Map<string, string>>();
  readonly #listeners = new Set<SdkViewListener>();
  /** SDK names of each target of the plan in force, by `host:port`. */
  #targets: ReadonlyMap<string, readonly string[]> = new Map();
  #wanted: ReadonlySet<string> = new Set();
  readonly #asked = new Set<string>();
  /** Of targets with several SDK names, by `host:port`: what their views came to, until one of them is another. */
  readonly #merged = new Map<string, { readonly of: readonly SeenService[]; readonly view: SeenService }>();

  constructor(options: SdkViewsOptions = {}) {
    this.#now = options.now ?? ((): number => Date.now());
  }

  /**
   * All that the SDK now has of a service, those included that it does not call (unhealthy, weight 0) if it tells them apart. Called
   * with what it was before it costs a comparison and changes nothing; else what is another in it is hashed and copied. An empty
   * list is a view too: the SDK knows the service and has nobody.
   */
  observe(sdkName: string, endpoints: readonly ViewEndpoint[]): void {
    this.#safely(() => {
      const before = this.#seen.get(sdkName);
      const isKept = before !== undefined && before.endpoints.length === before.count;
      const hash = isKept ? viewHashAfter(before.hash, before.endpoints, endpoints) : viewHash(endpoints);
      if (before?.hash === hash) return;
      const kept = endpoints.length > MOST_ENDPOINTS ? [] : endpoints.map((one, at) => keptOf(before?.endpoints[at], one));
      this.#seen.delete(sdkName); // so that the map stays in the order of changes
      this.#seen.set(sdkName, { endpoints: kept, hash, count: endpoints.length, since: this.#now() });
      this.#forget();
      for (const { changed } of this.#listeners) changed?.(sdkName);
    });
  }

  /** A bug of the client library, `code` of the list in docs/agent-registries.md; the same one of the same service is told once. */
  bug(sdkName: string, code: string, message: string): void {
    this.#safely(() => {
      const bugs = this.#bugs.get(sdkName) ?? new Map<string, string>();
      if (bugs.has(code) || bugs.size >= MOST_BUGS || (bugs.size === 0 && this.#bugs.size >= MOST_NAMES)) return;
      bugs.set(code, message);
      this.#bugs.set(sdkName, bugs);
      for (const listener of this.#listeners) listener.bug?.(sdkName, code, message);
    });
  }

  /** The targets of the plan in force: whose views are told, and under which host. */
  follow(targets: readonly AgentTarget[]): void {
    const named = targets.filter(({ sdkNames = [] }) => sdkNames.length > 0);
    this.#targets = new Map(named.map(({ host, port = 80, sdkNames = [] }) => [authorityOf(host, port), sdkNames]));
    this.#wanted = new Set(targets.flatMap(({ sdkNames = [] }) => sdkNames));
    for (const authority of this.#asked) if (!this.#targets.has(authority)) this.#asked.delete(authority);
    for (const authority of this.#merged.keys()) if (!this.#targets.has(authority)) this.#merged.delete(authority);
  }

  /** The endpoints of this target go into its next report, once. */
  ask(host: string, port = 80): void {
    const authority = authorityOf(host, port);
    if (this.#targets.has(authority)) this.#asked.add(authority);
  }

  /** For the report of a target; undefined while no SDK of this process has said anything of it. */
  report(host: string, port = 80): SdkViewReport | undefined {
    const authority = authorityOf(host, port);
    const view = this.#viewOf(authority);
    const bugs = this.#targets.get(authority)?.flatMap((name) => [...(this.#bugs.get(name)?.keys() ?? [])]) ?? [];
    if (view === undefined) return undefined;
    const inFull = this.#asked.delete(authority) && view.endpoints.length === view.count;
    return {
      hash: view.hash,
      count: view.count,
      since: view.since,
      ...(inFull ? { endpoints: view.endpoints } : {}),
      ...(bugs.length === 0 ? {} : { bugs: [...new Set(bugs)].sort() }),
    };
  }

  /** @returns ends it */
  listen(listener: SdkViewListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Several SDK names of one target are one view: every address once, as the first name has it. */
  #viewOf(authority: string): SeenService | undefined {
    const views = this.#targets.get(authority)?.flatMap((name) => this.#seen.get(name) ?? []) ?? [];
    const [first] = views;
    if (first === undefined || views.length === 1) return first;
    const held = this.#merged.get(authority);
    if (held?.of.length === views.length && held.of.every((view, at) => view === views[at])) return held.view;
    const byPlace = new Map<string, ViewEndpoint>();
    for (const { endpoints } of [...views].reverse())
      for (const endpoint of endpoints) byPlace.set(`${endpoint.address}|${endpoint.port}`, endpoint);
    const endpoints = [...byPlace.values()];
    const since = Math.max(...views.map((view) => view.since));
    const view = { endpoints, hash: viewHash(endpoints), count: endpoints.length, since };
    this.#merged.set(authority, { of: views, view });
    return view;
  }

  #forget(): void {
    if (this.#seen.size <= MOST_NAMES) return;
    for (const name of this.#seen.keys()) {
      if (this.#wanted.has(name)) continue;
      this.#seen.delete(name);
      this.#bugs.delete(name);
      return;
    }
  }

  #safely(work: () => void): void {
    try {
      work();
    } catch {
      // It is a client's callback that calls: nothing of it may break because somebody looks on.
    }
  }
}

function authorityOf(host: string, port: number): string {
  return `${host}:${port}`;
}

function keptOf(before: ViewEndpoint | undefined, now: ViewEndpoint): ViewEndpoint {
  return before !== undefined && isSameEndpoint(before, now) ? before : copyOf(now);
}

/** What a client hands over may be changed by it later, and may have more than is told. */
function copyOf({ address, port, weight, healthy, zone, protocol }: ViewEndpoint): ViewEndpoint {
  return { address, port, weight, healthy, zone, protocol };
}
