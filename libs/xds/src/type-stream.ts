import type { TypeUrl } from '@isthmus/model';
import type { NackStatus, TypeStatus } from './client-status.ts';
import type { SubscriptionRules } from './push.ts';
import { Subscription } from './subscription.ts';
import type { Verdict } from './subscription.ts';

/** One type of one stream: its subscription and what became of its pushes. */
export class TypeStream {
  readonly type: TypeUrl;
  readonly subscription: Subscription;
  /** The server has resources of it, or may have some day; what it has not is answered as empty. */
  readonly served: boolean;
  sentVersion: string | undefined;
  ackedVersion: string | undefined;
  nack: NackStatus | undefined;
  /** Responses answered so far. */
  answers = 0;
  /** No push before this time (ms since the epoch): the client is still busy with the last one. */
  notBefore = 0;
  /** The last revision of the view in which something of it became due. */
  changedIn = 0;
  /** The first revision of the view of which something is due, in flight or rejected. */
  #due: number | undefined;
  #flying: number | undefined;
  #refused: number | undefined;

  constructor(type: TypeUrl, rules: SubscriptionRules, served = true) {
    this.type = type;
    this.served = served;
    this.subscription = new Subscription(rules);
  }

  /** The client has accepted all of the view's changes up to this revision, and goes by them. */
  get acceptedThrough(): number {
    return Math.min(this.#due ?? Infinity, this.#flying ?? Infinity, this.#refused ?? Infinity) - 1;
  }

  /** The client has got, and answered, all of the view's changes up to this revision. */
  get answeredThrough(): number {
    return Math.min(this.#due ?? Infinity, this.#flying ?? Infinity) - 1;
  }

  /** The first revision of the view of which something is in flight. */
  get flyingSince(): number {
    return this.#flying ?? 0;
  }

  /** It was sent them. */
  get sentThrough(): number {
    return (this.#due ?? Infinity) - 1;
  }

  /**
   * After the subscription was told of something: is it due?
   * @param revision that it is due since
   * @param content the view's revision that it may name things of
   */
  noteDue(revision: number, content = revision): void {
    if (!this.subscription.isDue) {
      this.#due = undefined;
      return;
    }
    this.#due ??= revision;
    this.changedIn = Math.max(this.changedIn, content);
  }

  /** Whatever was due has been chosen; `sent` when it makes a response. */
  notePush(sent: string | undefined): void {
    if (sent !== undefined) {
      this.#flying = this.#due ?? this.#flying;
      this.sentVersion = sent;
    }
    this.#due = undefined;
  }

  /** @returns the rejection, if it was one */
  noteAnswer(verdict: Exclude<Verdict, { kind: 'none' }>, version: string, now: number): NackStatus | undefined {
    this.answers += 1;
    const revision = this.#flying;
    this.#flying = undefined;
    if (verdict.kind === 'nack') {
      const { rejected } = this.subscription;
      this.nack = { at: now, message: verdict.error.message.slice(0, 4_096), version, names: rejected.slice(0, 100) };
      this.#refused ??= revision;
      return this.nack;
    }
    this.ackedVersion = version;
    if (!this.subscription.hasRejected) {
      this.nack = undefined;
      this.#refused = undefined;
    } else if (this.nack !== undefined) this.nack = { ...this.nack, names: this.subscription.rejected.slice(0, 100) };
    return undefined;
  }

  status(): TypeStatus {
    return {
      type: this.type,
      served: this.served,
      wildcard: this.subscription.wildcard,
      subscribed: this.subscription.names.size,
      sent: this.sentVersion,
      acked: this.ackedVersion,
      unansweredSince: this.subscription.inFlight?.at,
      nack: this.nack,
    };
  }
}
