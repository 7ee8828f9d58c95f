/**
 * Calls with a signal that aborts after `ms`, or when `stop` does. Not `AbortSignal.any` with `AbortSignal.timeout`: once
 * nothing else held such a signal it was collected and never fired (Node 24.21: a replica that waited 10 s waited for ever).
 */
export async function within<T>(ms: number, stop: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(stop.reason);
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${Math.ceil(ms)} ms`)), Math.ceil(ms)).unref();
  stop.addEventListener('abort', abort);
  if (stop.aborted) abort();
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', abort);
  }
}
