import type { Resource } from '@isthmus/model';
import type { DiscoveryRequest, ErrorDetail } from './discovery-request.ts';

type Resources = ReadonlyMap<string, Resource>;

/** What differs between types and clients; see `StreamProfile`. */
export interface SubscriptionRules {
  /** A first request without names means "all" (the legacy wildcard). */
  readonly emptyIsWildcard: boolean;
  /** State of the world: every response lists all that the client is to have (LDS, CDS, MCP); a missing one is deleted. */
  readonly wholeType: boolean;
}

/** What to send now. */
export interface Push {
  /** The client gets a response even if there is nothing in it: it asked, or nothing is what there is now. */
  readonly answers: boolean;
  readonly resources: Iterable<Resource>;
  /** `resources` is all the view has of the type, so its encoding can be shared by all clients of the view. */
  readonly everything: boolean;
  /** Delta: `removed_resources`. */
  readonly removed: readonly string[];
  /** State of the world, partial types: asked for, but unknown. */
  readonly unknown: readonly string[];
  /** The resources of this push that the client may not have in this form yet. */
  readonly fresh: Iterable<Resource>;
}

export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack'; readonly error: ErrorDetail }
  /** Says nothing of our last response: a first request, a change of names, or an answer to an older response. */
  | { readonly kind: 'none' };

export interface InFlight {
  readonly nonce: string;
  readonly version: string;
  /** ms since the epoch */
  readonly at: number;
}

type Content = Omit<Push, 'answers'>;

/** `asked`: by the client, so it gets an answer in any case. `changed`: by us, since it was last sent. */
type Due = 'asked' | 'changed';

/**
 * One type on one stream: what the client wants, what it is still to get, and how it took the last response. The same
 * machine for both transports; does no I/O. Only names are kept, never what was sent: the client has what the view has,
 * except for the names that are due.
 */
export class Subscription {
  readonly #rules: SubscriptionRules;
  readonly #names = new Set<string>();
  readonly #due = new Map<string, Due>();
  /** Gone from the view, but not to be taken from the client yet (see push-order.ts). */
  readonly #retiring = new Map<string, Resource>();
  #wildcard = false;
  #first = true;
  /** Once a name was given, an empty SotW request means "nothing" and never again "all" (go-control-plane#558). */
  #named = false;
  /** Of the last SotW request. */
  #lastNames: readonly string[] | undefined;
  /** Everything in the wildcard's scope is due, except what the client said to have in this version. */
  #everything: { readonly except: ReadonlyMap<string, string> } | undefined;
  #inFlight: InFlight | undefined;

  constructor(rules: SubscriptionRules) {
    this.#rules = rules;
  }

  get wildcard(): boolean {
    return this.#wildcard;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  get inFlight(): InFlight | undefined {
    return this.#inFlight;
  }

  get retiring(): ReadonlyMap<string, Resource> {
    return this.#retiring;
  }

  /** Something is to be sent, as soon as nothing is in flight. */
  get isDue(): boolean {
    return this.#everything !== undefined || this.#due.size > 0;
  }

  /** What this client makes us keep, for the limit on it. */
  get load(): number {
    return this.#names.size + this.#due.size;
  }

  isPending(name: string): boolean {
    return this.#everything !== undefined || this.#due.has(name);
  }

  wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /**
   * Takes a request. The names count whatever the nonce: a request that answers an older response still carries what the
   * client wants (envoy#10363 SotW, envoy#16659 delta). The nonce only tells whether it is an ACK or NACK.
   */
  receive(request: DiscoveryRequest): Verdict {
    if (request.transport === 'sotw') this.#receiveSotw(request.names);
    else this.#receiveDelta(request.subscribe, request.unsubscribe, request.initialVersions);
    this.#first = false;
    // istiod's first requests carry a nonce that we never gave: it answers nothing.
    if (this.#inFlight === undefined || request.nonce !== this.#inFlight.nonce) return { kind: 'none' };
    this.#inFlight = undefined;
    return request.error === undefined ? { kind: 'ack' } : { kind: 'nack', error: request.error };
  }

  /**
   * The view changed. What a NACK rejected is not due again until it changes here: no resend loop
   * (go-control-plane#962, istio#21111).
   * @param retire gone resources that the client is to keep until `release`
   */
  changed(names: ReadonlyMap<string, Resource | undefined>, retire?: Resources): void {
    for (const [name, resource] of names) {
      if (!this.wants(name)) continue;
      const last = resource === undefined ? retire?.get(name) : undefined;
      if (last !== undefined) {
        this.#retiring.set(name, last);
        this.#due.delete(name);
        continue;
      }
      this.#retiring.delete(name);
      if (!this.#due.has(name)) this.#due.set(name, 'changed');
    }
  }

  /** Sends the name again although it has not changed (an EDS resource whose cluster warms, envoy#13009). */
  ask(name: string): void {
    if (this.wants(name)) this.#due.set(name, 'asked');
  }

  /** What was kept back by `changed` may go now. */
  release(): void {
    for (const name of this.#retiring.keys()) this.#due.set(name, 'changed');
    this.#retiring.clear();
  }

  /** What to send, or undefined when nothing is due or the last response is not answered yet. Forgets that it was due. */
  next(transport: 'sotw' | 'delta', view: Resources): Push | undefined {
    if (this.#inFlight !== undefined || !this.isDue) return undefined;
    const whole = this.#rules.wholeType && transport === 'sotw'; // of which even "nothing left" is to be said
    const answers = whole || this.#everything !== undefined || [...this.#due.values()].includes('asked');
    const content = transport === 'delta' ? this.#nextDelta(view) : this.#nextSotw(view);
    this.#everything = undefined;
    this.#due.clear();
    return { answers, ...content };
  }

  sent(inFlight: InFlight): void {
    this.#inFlight = inFlight;
  }

  #receiveSotw(names: readonly string[]): void {
    // Every ACK repeats all names, 20,000 of them perhaps: usually just those of the request before.
    if (this.#lastNames !== undefined && same(this.#lastNames, names)) return;
    this.#lastNames = names;
    if (names.length > 0) this.#named = true;
    const legacyWildcard = names.length === 0 && !this.#named && this.#rules.emptyIsWildcard;
    const wanted = new Set(names);
    this.#setWildcard(wanted.delete('*') || legacyWildcard, new Map());
    for (const name of this.#names) if (!wanted.has(name)) this.#forget(name);
    for (const name of wanted) this.#want(name, !this.#names.has(name));
  }

  #receiveDelta(subscribe: readonly string[], unsubscribe: readonly string[], initial: ReadonlyMap<string, string>): void {
    // Unsubscribing comes first: a name in both lists is a resubscription, and gets an answer.
    for (const name of unsubscribe) {
      if (name === '*') {
        this.#setWildcard(false, initial);
        continue;
      }
      this.#forget(name);
      // Still wanted by the wildcard, but the client has dropped it: say what it is, or that it is not.
      if (this.#wildcard) this.#due.set(name, 'asked');
    }
    const legacyWildcard = this.#first && subscribe.length === 0 && this.#rules.emptyIsWildcard;
    if (legacyWildcard || subscribe.includes('*')) this.#setWildcard(true, initial);
    // What was named explicitly is always sent, even in the version the client has (envoy#22418).
    for (const name of subscribe) if (name !== '*') this.#want(name, true);
  }

  #want(name: string, ask: boolean): void {
    this.#names.add(name);
    if (ask) this.#due.set(name, 'asked');
  }

  #forget(name: string): void {
    this.#names.delete(name);
    if (!this.#wildcard) {
      this.#due.delete(name);
      this.#retiring.delete(name);
    }
  }

  #setWildcard(on: boolean, has: ReadonlyMap<string, string>): void {
    if (on && !this.#wildcard) this.#everything = { except: has };
    if (!on && this.#wildcard) {
      this.#everything = undefined;
      for (const name of this.#due.keys()) if (!this.#names.has(name)) this.#due.delete(name);
      for (const name of this.#retiring.keys()) if (!this.#names.has(name)) this.#retiring.delete(name);
    }
    this.#wildcard = on;
  }

  #nextDelta(view: Resources): Content {
    const resources: Resource[] = [];
    const removed: string[] = [];
    for (const name of this.#due.keys()) {
      const resource = view.get(name) ?? this.#retiring.get(name);
      if (resource === undefined) removed.push(name);
      else resources.push(resource);
    }
    if (this.#everything === undefined) return { resources, everything: false, removed, unknown: [], fresh: resources };
    const { except } = this.#everything;
    if (except.size === 0 && removed.length === 0 && this.#retiring.size === 0) {
      return { resources: view.values(), everything: true, removed, unknown: [], fresh: view.values() };
    }
    for (const resource of view.values()) {
      if (this.#due.has(resource.name) || except.get(resource.name) === resource.version) continue;
      resources.push(resource);
    }
    for (const name of except.keys()) if (!view.has(name) && !this.#due.has(name)) removed.push(name);
    return { resources, everything: false, removed, unknown: [], fresh: resources };
  }

  #nextSotw(view: Resources): Content {
    if (this.#rules.wholeType) return this.#nextWhole(view);
    if (this.#everything !== undefined) {
      return { resources: view.values(), everything: true, removed: [], unknown: [], fresh: view.values() };
    }
    const resources: Resource[] = [];
    const unknown: string[] = [];
    for (const [name, due] of this.#due) {
      const resource = view.get(name) ?? this.#retiring.get(name);
      if (resource !== undefined) resources.push(resource);
      // A partial response can't say "gone"; the client drops what no cluster or listener names any more.
      else if (due === 'asked') unknown.push(name);
    }
    return { resources, everything: false, removed: [], unknown, fresh: resources };
  }

  #nextWhole(view: Resources): Content {
    const fresh = this.#everything === undefined ? [...this.#due.keys()].flatMap((name) => view.get(name) ?? []) : undefined;
    if (this.#wildcard && this.#retiring.size === 0) {
      return { resources: view.values(), everything: true, removed: [], unknown: [], fresh: fresh ?? view.values() };
    }
    const resources = this.#wildcard ? [...view.values()] : [...this.#names].flatMap((name) => view.get(name) ?? []);
    resources.push(...this.#retiring.values());
    return { resources, everything: false, removed: [], unknown: [], fresh: fresh ?? resources };
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}
