import type { TypeUrl } from '@isthmus/model';
import type { NackStatus, TypeStatus } from './client-status.ts';
import { Subscription } from './subscription.ts';
import type { SubscriptionRules } from './subscription.ts';

/** One type of one stream: its subscription and what became of its pushes. */
export class TypeStream {
  readonly type: TypeUrl;
  readonly subscription: Subscription;
  sentVersion: string | undefined;
  ackedVersion: string | undefined;
  nack: NackStatus | undefined;
  /** Responses answered so far. */
  answers = 0;
  /** No push before this time (ms since the epoch): the client is still busy with the last one. */
  notBefore = 0;

  constructor(type: TypeUrl, rules: SubscriptionRules) {
    this.type = type;
    this.subscription = new Subscription(rules);
  }

  /** The client has, and accepted, all that it is to have. */
  get settled(): boolean {
    return !this.subscription.isDue && this.subscription.inFlight === undefined && this.nack === undefined;
  }

  status(): TypeStatus {
    return {
      type: this.type,
      wildcard: this.subscription.wildcard,
      subscribed: this.subscription.names.size,
      sent: this.sentVersion,
      acked: this.ackedVersion,
      nack: this.nack,
    };
  }
}
