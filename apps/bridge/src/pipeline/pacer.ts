/** The longest pause: a change may also wait for the flush before its own, and must be on the wire after 100 ms. */
const MAX_WAIT_MS = 20;

/**
 * Decides when the next flush starts: at once after a quiet time, else when as much time has passed as the last flush
 * took. So a lone change has no quiet time to wait for (istiod: 100 ms), a burst is coalesced, and steady churn can
 * neither starve the streams nor put a change off for ever (istiod under churn pushes every 10 s).
 */
export class Pacer {
  readonly #now: () => number;
  #notBefore = 0;
  #state: 'idle' | 'waiting' | 'running' = 'idle';
  #again = false;
  /** A flush that fails is a bug of ours; it must not take discovery down. Default: a warning of the process. */
  onError: (error: unknown) => void = (error) => process.emitWarning(error instanceof Error ? error : String(error));

  readonly #after: (ms: number, run: () => void) => void;

  constructor(
    now: () => number = () => performance.now(),
    after: (ms: number, run: () => void) => void = (ms, run) => void setTimeout(run, ms).unref(),
  ) {
    this.#now = now;
    this.#after = after;
  }

  get busy(): boolean {
    return this.#state !== 'idle';
  }

  request(flush: () => Promise<void>): void {
    switch (this.#state) {
      case 'running':
        this.#again = true;
        return;
      case 'waiting':
        return;
      case 'idle': {
        this.#state = 'waiting';
        const wait = this.#notBefore - this.#now();
        if (wait <= 0) setImmediate(() => void this.#run(flush));
        else this.#after(wait, () => void this.#run(flush));
        return;
      }
      default:
        this.#state satisfies never;
    }
  }

  async #run(flush: () => Promise<void>): Promise<void> {
    this.#state = 'running';
    this.#again = false;
    const start = this.#now();
    try {
      await flush();
    } catch (error) {
      this.onError(error);
    } finally {
      const end = this.#now();
      this.#notBefore = end + Math.min(end - start, MAX_WAIT_MS);
      this.#state = 'idle';
      if (this.#again) this.request(flush);
    }
  }
}
