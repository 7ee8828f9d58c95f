/** Milliseconds to wait before attempt `n` (0-based): "full jitter" between half and the whole of min(max, base·2ⁿ). */
export function backoff(attempt: number, random: () => number, base = 200, max = 30_000): number {
  const ceiling = Math.min(max, base * 2 ** Math.min(attempt, 20));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/** `ms` with up to a fifth added or taken off, so that replicas do not do things together. */
export function jittered(ms: number, random: () => number): number {
  return ms * (0.8 + 0.4 * random());
}

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. The timer does not keep the process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done);
  });
}
