import type { ServerResponse } from 'node:http';
import type { MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Engine } from '../engine/engine.ts';
import { replicaView } from './replica.ts';

const AT_MOST_EVERY_MS = 250;

/** Streams at once: each is a timer, a listener of every change and a socket. Consoles and scripts are few; what opens more has lost count. */
const MOST_STREAMS = 64;

/** The streams of `summary` events that are open. */
export class LiveEvents {
  readonly #summaries: () => Observable<MessageEvent>;
  readonly most: number;
  #open = 0;
  #refused = 0;

  constructor(summaries: () => Observable<MessageEvent>, most = MOST_STREAMS) {
    this.#summaries = summaries;
    this.most = most;
  }

  get open(): number {
    return this.#open;
  }

  /** Since the start. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * @param response counts as open from here until it closes, whether or not anything is ever written to it
   * @returns undefined where as many are open as may be
   */
  stream(response: Pick<ServerResponse, 'once' | 'closed'>): Observable<MessageEvent> | undefined {
    if (this.#open >= this.most) {
      this.#refused += 1;
      return undefined;
    }
    if (!response.closed) {
      this.#open += 1;
      response.once('close', () => (this.#open -= 1));
    }
    return this.#summaries();
  }
}

/** `summary` events: what a console needs to know that it should look again. Bounded: one timer and no queue a client. */
export function summariesOf(engine: Engine): Observable<MessageEvent> {
  return new Observable((subscriber) => {
    let timer: NodeJS.Timeout | undefined;
    const send = () => {
      timer = undefined;
      const scopes = [...engine.catalog.scopes()];
      subscriber.next({
        type: 'summary',
        data: {
          ledgerRevision: engine.ledger.revision,
          role: replicaView(engine).role,
          xdsRevision: engine.xds.revision,
          ready: engine.readiness.state,
          sources: scopes.map((s) => ({
            source: s.scope.source,
            namespace: s.scope.namespace,
            group: s.scope.group,
            state: s.status.state,
            services: s.records.size,
          })),
        },
      });
    };
    send();
    const unsubscribe = engine.onChange(() => (timer ??= setTimeout(send, AT_MOST_EVERY_MS)));
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  });
}
