export interface StopRequest {
  /** Resolves with the first SIGINT, SIGTERM or SIGHUP. */
  readonly requested: Promise<'stop'>;
  readonly signal: AbortSignal;
}

/** The second signal ends the process at once; the servers' guards then kill what still runs. */
export function stopRequest(): StopRequest {
  const controller = new AbortController();
  const requested = new Promise<'stop'>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve('stop'), { once: true });
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => (controller.signal.aborted ? process.exit(1) : controller.abort()));
  }
  return { requested, signal: controller.signal };
}
