import type { MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Engine } from '../engine/engine.ts';
import { replicaView } from './replica.ts';

const AT_MOST_EVERY_MS = 250;

/** `summary` events: what a console needs to know that it should look again. Bounded: one timer and no queue a client. */
export function liveEvents(engine: Engine): Observable<MessageEvent> {
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
