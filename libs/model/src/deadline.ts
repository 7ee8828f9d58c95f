/**
 * A signal that aborts after `ms`, or when `stop` does. Not `AbortSignal.any` with an `AbortSignal.timeout` that nobody else
 * holds: such a timeout is collected and never fires (Node 24.21: a replica that waited 10 s waited for ever).
 */
export function deadlineSignal(ms: number, stop: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  if (stop.aborted) controller.abort(stop.reason);
  const timer = setTimeout(() => controller.abort(new DOMException(`no answer within ${Math.ceil(ms)} ms`, 'TimeoutError')), ms);
  timer.unref();
  stop.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
      controller.abort(stop.reason);
    },
    { once: true, signal },
  );
  return signal;
}
