import type http from 'node:http';
import type { ArmCounts } from '../control/arm-counts.ts';

const COUNTED = Symbol('isthmus.counted');

interface Counted {
  [COUNTED]?: { readonly counts: ArmCounts; readonly began: number; readonly emit: http.ClientRequest['emit'] };
}

/**
 * Counts a request when its answer begins or fails to come. It looks at what the request emits instead of listening: a listener for
 * `response` would keep Node from throwing an unread answer away, and one for `error` would hide what nobody else handles.
 */
export function countRequest(request: http.ClientRequest, counts: ArmCounts): void {
  (request as Counted)[COUNTED] = { counts, began: performance.now(), emit: request.emit };
  request.emit = countingEmit;
}

function countingEmit(this: http.ClientRequest, event: string | symbol, ...values: unknown[]): boolean {
  const counted = (this as Counted)[COUNTED];
  if (counted === undefined) return false;
  if (event === 'response' || event === 'error' || event === 'upgrade') {
    this.emit = counted.emit;
    const { statusCode = 0, headers } = (event === 'error' ? {} : values[0]) as Partial<http.IncomingMessage>;
    counted.counts.ended(performance.now() - counted.began, event === 'error' || statusCode >= 500);
    // What the sidecar tried, where it says so (Envoy's include_attempt_count_in_response).
    const tried = Number(headers?.['x-envoy-attempt-count'] ?? 1);
    if (tried > 1 && tried < 1_000) counted.counts.retried(tried - 1);
  }
  return counted.emit.call(this, event, ...values);
}
