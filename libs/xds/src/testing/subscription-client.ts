import type { Resource } from '@isthmus/model';
import type { DeltaRequest, SotwRequest } from '../discovery-request.ts';
import { Subscription } from '../subscription.ts';
import type { SubscriptionRules } from '../push.ts';

export const WHOLE: SubscriptionRules = { wholeType: true, emptyIsWildcard: true, keepsUnknown: false }; // LDS
export const CLUSTERS: SubscriptionRules = { ...WHOLE, keepsUnknown: true };
export const PARTIAL: SubscriptionRules = { wholeType: false, emptyIsWildcard: false, keepsUnknown: false }; // EDS, RDS
export const GRPC: SubscriptionRules = { ...WHOLE, emptyIsWildcard: false };

const request = { node: undefined, version: '', type: 'T', nonce: '', error: undefined };
export const sotw = (names: string[], more: Partial<SotwRequest> = {}): SotwRequest => ({
  ...request,
  ...more,
  transport: 'sotw',
  names,
});
export const delta = (more: Partial<DeltaRequest>): DeltaRequest => ({
  ...request,
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  ...more,
  transport: 'delta',
});
export const resource = (name: string, version = '1'): Resource => ({ name, version, bytes: Buffer.from(name + version) });
const viewOf = (...names: string[]): Map<string, Resource> => new Map(names.map((name) => [name, resource(name)]));

/** A subscription with its view; `push` sends what is due under the next nonce. */
export class Client {
  readonly subscription: Subscription;
  readonly transport: 'sotw' | 'delta';
  view = viewOf('a', 'b', 'c');
  readonly retiring = new Map<string, Resource>();
  nonce = '';
  #count = 0;

  constructor(transport: 'sotw' | 'delta', rules: SubscriptionRules) {
    this.transport = transport;
    this.subscription = new Subscription(rules);
  }

  push(): { names: string[]; removed: readonly string[]; unknown: readonly string[] } | undefined {
    const push = this.subscription.next(this.transport, { view: this.view, retiring: this.retiring });
    if (push === undefined) return undefined;
    const names = [...(push.everything ? this.view.values() : []), ...push.resources].map(({ name }) => name);
    if (names.length > 0 || push.removed.length > 0 || push.unknown.length > 0 || push.answers) {
      this.nonce = `n${(this.#count += 1)}`;
      this.subscription.sent({ nonce: this.nonce, version: 'v', at: 0 });
    }
    return { names, removed: push.removed, unknown: this.transport === 'sotw' ? push.unknown : [] };
  }

  /** Receives, pushes what follows, and ACKs it. */
  exchange(message: SotwRequest | DeltaRequest): ReturnType<Client['push']> {
    this.subscription.receive(message);
    const pushed = this.push();
    if (this.subscription.inFlight !== undefined) this.ack();
    return pushed;
  }

  ack(): void {
    const names = [...this.subscription.names, ...(this.subscription.wildcard && this.subscription.names.size > 0 ? ['*'] : [])];
    this.subscription.receive(this.transport === 'sotw' ? sotw(names, { nonce: this.nonce }) : delta({ nonce: this.nonce }));
  }

  change(...resources: Resource[]): void {
    for (const one of resources) this.view.set(one.name, one);
    this.subscription.changed(new Map(resources.map((one) => [one.name, one])));
  }

  /** It leaves the view, and is served on. */
  retire(name: string): void {
    this.retiring.set(name, this.view.get(name)!);
    this.view.delete(name);
    this.subscription.changed(new Map([[name, undefined]]), this.retiring);
  }

  release(...names: string[]): void {
    for (const name of names) this.retiring.delete(name);
    this.subscription.released(names);
  }

  remove(name: string): void {
    this.view.delete(name);
    this.subscription.changed(new Map([[name, undefined]]));
  }
}
