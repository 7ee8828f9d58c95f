/**
 * A signal that aborts after `ms`, or when `stop` does. Not `AbortSignal.any` with an `AbortSignal.timeout` that nobody else
 * holds: such a timeout is collected and never fires (Node 24.21: a replica that waited 10 s waited for ever).
 */
export function deadlineSignal(ms: number, stop: AbortSignal): AbortSignal {
  return deadline(ms, stop).signal;
}

/** Calls with such a signal; timer and listener go with the call, for calls that are many and `stop` that lives long. */
export async function within<T>(ms: number, stop: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, disarm } = deadline(ms, stop);
  try {
    return await call(signal);
  } finally {
    disarm();
  }
}

function deadline(ms: number, stop: AbortSignal): { readonly signal: AbortSignal; readonly disarm: () => void } {
  const controller = new AbortController();
  const disarm = (): void => {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  };
  const end = (): void => {
    disarm();
    controller.abort(stop.reason);
  };
  const timer = setTimeout(() => {
    disarm();
    controller.abort(new DOMException(`no answer within ${Math.ceil(ms)} ms`, 'TimeoutError'));
  }, ms);
  timer.unref();
  if (stop.aborted) end();
  else stop.addEventListener('abort', end);
  return { signal: controller.signal, disarm };
}
