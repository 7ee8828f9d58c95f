import { resourceSize } from '@isthmus/model';
import type { Resource } from '@isthmus/model';
import type { DiscoveryRequest, ErrorDetail } from './discovery-request.ts';
import { deltaContent, sotwContent } from './push.ts';
import { DueNames } from './due-names.ts';
import type { Push, Resources, Stock, SubscriptionRules } from './push.ts';
import { RejectedNames, sentNames } from './rejected-names.ts';
import type { SentNames } from './rejected-names.ts';
import { sharedSet } from './shared-sets.ts';

export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack'; readonly error: ErrorDetail }
  /** Says nothing of our last response: a first request, a change of names, or an answer to an older response. */
  | { readonly kind: 'none' };

export interface InFlight {
  /** Undefined while it is not on its way yet, so that nothing answers it. */
  readonly nonce: string | undefined;
  readonly version: string;
  /** ms since the epoch */
  readonly at: number;
}

/** Resources whose sizes are summed up before they are chosen. */
const FEW = 32;

/**
 * One type on one stream: what the client wants, what it is still to get, and how it took the last response. The same
 * machine for both transports; does no I/O. Only names are kept, never what was sent: the client has what the view has,
 * except for the names that are due or rejected.
 */
export class Subscription {
  readonly #rules: SubscriptionRules;
  /** Other streams may have the same one, unless it is `#ownNames`. */
  #names: ReadonlySet<string> = new Set();
  #ownNames: Set<string> | undefined;
  readonly #due = new DueNames();
  readonly #rejected = new RejectedNames();
  /** Unknown to us, but had by the client from an earlier stream: taken from it by `drop`. */
  readonly #leftovers = new Set<string>();
  #wildcard = false;
  #first = true;
  /** Once a name was given, an empty SotW request means "nothing" and never again "all" (go-control-plane#558). */
  #named = false;
  /** Of the last SotW request. */
  #lastNames: readonly string[] | undefined;
  #everything: { readonly except: ReadonlyMap<string, string> } | undefined;
  #inFlight: InFlight | undefined;
  /** What the unanswered response has. */
  #sent: SentNames | undefined;

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

  /** The client goes on with an older form of something, because it refused the one we sent. */
  get hasRejected(): boolean {
    return this.#rejected.any;
  }

  /** Which, as far as the client said it. */
  get rejected(): readonly string[] {
    return this.#rejected.names;
  }

  /** The client refused it, as far as it said so. */
  mayBeRejected(name: string): boolean {
    return this.#rejected.mayBe(name);
  }

  get leftovers(): ReadonlySet<string> {
    return this.#leftovers;
  }

  /** Something is to be sent, as soon as nothing is in flight. */
  get isDue(): boolean {
    return this.#everything !== undefined || this.#due.size > 0;
  }

  /** What this client makes us keep, for the limit on it. */
  get load(): number {
    return this.#names.size + this.#due.size + this.#leftovers.size;
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
    const sent = this.#sent!;
    this.#sent = undefined;
    if (request.error === undefined) {
      this.#rejected.acknowledged(sent);
      return { kind: 'ack' };
    }
    const others = this.#rejected.rejected(sent, request.error.message);
    if (request.transport === 'delta') this.#sendApart(others);
    return { kind: 'nack', error: request.error };
  }

  /**
   * The view changed. What a NACK rejected is not due again until it changes here: no resend loop
   * (go-control-plane#962, istio#21111).
   * @param retiring gone resources that clients are to keep for now
   */
  changed(names: ReadonlyMap<string, Resource | undefined>, retiring?: Resources): void {
    for (const [name, resource] of names) {
      if (!this.wants(name)) continue;
      if (resource !== undefined) this.#leftovers.delete(name);
      else if (retiring?.has(name) === true) {
        // Who asked gets an answer all the same.
        if (this.#due.get(name) === 'changed') this.#due.delete(name);
        continue;
      } else this.#rejected.forget(name);
      this.#due.set(name, 'changed');
    }
  }

  /** Sends the name again although it has not changed (an EDS resource whose cluster warms, envoy#13009). */
  ask(name: string): void {
    if (this.wants(name)) this.#due.set(name, 'asked');
  }

  /** Takes back that these were asked for, until `ask`. */
  postpone(which: (name: string) => boolean): void {
    for (const name of [...this.#due.keys()]) if (which(name)) this.#due.delete(name);
  }

  /** Retired resources may go now. */
  released(names: Iterable<string>): void {
    for (const name of names) if (this.wants(name)) this.#due.set(name, 'changed');
  }

  /** Leftovers may go now. */
  drop(): void {
    for (const name of this.#leftovers) this.#due.set(name, 'changed');
    this.#leftovers.clear();
  }

  /** Whether what `next` would give may be more than so many bytes; a guess on the safe side. */
  mayBeLarge(transport: 'sotw' | 'delta', { view, retiring }: Stock, bytes: number): boolean {
    const whole = this.#everything !== undefined || (this.#rules.wholeType && transport === 'sotw');
    const names = whole ? view : this.#due;
    if (names.size > FEW) return true;
    let sum = 0;
    for (const name of names.keys()) {
      const resource = view.get(name) ?? retiring.get(name);
      sum += resource === undefined ? name.length : resourceSize(resource);
    }
    return sum >= bytes / 2;
  }

  /** What to send, or undefined when nothing is due or the last response is not answered yet. Forgets that it was due. */
  next(transport: 'sotw' | 'delta', stock: Stock): Push | undefined {
    if (this.#inFlight !== undefined || !this.isDue) return undefined;
    const whole = this.#rules.wholeType && transport === 'sotw'; // of which even "nothing left" is to be said
    const answers = whole || this.#everything !== undefined || this.#due.anyAsked;
    const wanted = { wildcard: this.#wildcard, names: this.#names, due: this.#due, everything: this.#everything };
    const push: Push = {
      answers,
      ...(transport === 'sotw' ? sotwContent(wanted, stock, this.#rules) : this.#delta(deltaContent(wanted, stock))),
    };
    this.#everything = undefined;
    this.#due.clear();
    this.#sent = sentNames(push, whole || (push.everything && this.#wildcard), stock.view);
    return push;
  }

  /** The last response needs no answer any more: another one follows before it comes. */
  overtake(): void {
    this.#inFlight = undefined;
    this.#sent = undefined;
  }

  /** What `next` gave is on its way. */
  sent(inFlight: InFlight): void {
    this.#inFlight = inFlight;
  }

  #delta({ strangers, ...content }: ReturnType<typeof deltaContent>): Omit<Push, 'answers'> {
    if (!this.#rules.keepsUnknown) return { ...content, removed: [...content.removed, ...strangers] };
    for (const name of strangers) this.#leftovers.add(name);
    return content;
  }

  #receiveSotw(names: readonly string[]): void {
    // Every ACK repeats all names, 20,000 of them perhaps: usually just those of the request before.
    if (this.#lastNames !== undefined && same(this.#lastNames, names)) return;
    this.#lastNames = names;
    if (names.length > 0) this.#named = true;
    const legacyWildcard = names.length === 0 && !this.#named && this.#rules.emptyIsWildcard;
    const star = names.includes('*');
    const wanted = sharedSet(star ? names.filter((name) => name !== '*') : names);
    this.#setWildcard(star || legacyWildcard, new Map());
    const before = this.#names;
    this.#names = wanted;
    this.#ownNames = undefined;
    if (!this.#wildcard) for (const name of before) if (!wanted.has(name)) this.#drop(name);
    if (before.size === 0) this.#due.askAll(wanted);
    else for (const name of wanted) if (!before.has(name)) this.#due.set(name, 'asked');
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
    const named = subscribe.includes('*') ? subscribe.filter((name) => name !== '*') : subscribe;
    if (named.length === 0) return;
    if (this.#names.size === 0) {
      this.#names = sharedSet(named);
      this.#ownNames = undefined;
      this.#due.askAll(this.#names);
    } else {
      const own = this.#changeNames();
      for (const name of named) {
        own.add(name);
        this.#due.set(name, 'asked');
      }
    }
  }

  #changeNames(): Set<string> {
    this.#ownNames ??= new Set(this.#names);
    this.#names = this.#ownNames;
    return this.#ownNames;
  }

  #forget(name: string): void {
    if (this.#names.has(name)) this.#changeNames().delete(name);
    if (!this.#wildcard) this.#drop(name);
  }

  #setWildcard(on: boolean, has: ReadonlyMap<string, string>): void {
    if (on && !this.#wildcard) this.#everything = { except: has };
    if (!on && this.#wildcard) {
      this.#everything = undefined;
      for (const name of [...this.#due.keys(), ...this.#leftovers, ...this.rejected])
        if (!this.#names.has(name)) this.#drop(name);
    }
    this.#wildcard = on;
  }

  /**
   * The good part of a rejected response, once more and alone. Envoy goes by it already, or by some of it, but notes the versions of
   * accepted responses only, and names those to the next server: who has what was there before would leave it with the new form.
   */
  #sendApart(names: readonly string[]): void {
    for (const name of names) if (this.wants(name)) this.#due.set(name, 'changed');
  }

  /** The client does not want it any more. */
  #drop(name: string): void {
    this.#due.delete(name);
    this.#leftovers.delete(name);
    this.#rejected.forget(name);
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}
