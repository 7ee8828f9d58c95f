export interface StopRequest {
  /** Resolves with the first SIGINT, SIGTERM or SIGHUP. */
  readonly requested: Promise<'stop'>;
  readonly signal: AbortSignal;
}

/** A Ctrl-C reaches the lab twice when npm and the terminal both pass it on: that is still one wish. Milliseconds. */
const oneWishMs = 1_000;

/** A second signal, later, ends the process at once; the guards of its children then kill what still runs. */
export function stopRequest(
  now: () => number = () => performance.now(),
  exit: (code: number) => void = process.exit,
): StopRequest {
  const controller = new AbortController();
  const requested = new Promise<'stop'>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve('stop'), { once: true });
  });
  let firstAt: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      firstAt ??= now();
      controller.abort();
      if (now() - firstAt >= oneWishMs) exit(1);
    });
  }
  return { requested, signal: controller.signal };
}
