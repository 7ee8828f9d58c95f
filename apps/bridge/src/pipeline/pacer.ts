/** The longest pause: a change may also wait for the flush before its own, and must be on the wire after 100 ms. */
const MAX_WAIT_MS = 20;

/** Less work than this (ms) of all that came of a flush is not looked at: the answers of a few streams, or a collection between. */
const SMALL_MS = 4;

/**
 * Decides when the next flush starts: at once after a quiet time, else when as much time has passed as the last flush
 * took, and as much time beside the thread's work since that began as that work was. So a lone change has no quiet time to wait for
 * (istiod: 100 ms), a burst is coalesced, and steady churn can neither starve the streams nor put a change off for ever
 * (istiod under churn pushes every 10 s). Most of what a change costs comes after the flush, when all streams answer: 100
 * changes a second to 100 streams, each alone, are three quarters of a core, and who waits for a CPU then waits for long.
 */
export class Pacer {
  readonly #now: () => number;
  /** Of the last flush. */
  #began = Number.NEGATIVE_INFINITY;
  #ended = Number.NEGATIVE_INFINITY;
  /** `#worked()` when it began. */
  #workedBefore = 0;
  #state: 'idle' | 'waiting' | 'running' = 'idle';
  #again = false;
  /** A flush that fails is a bug of ours; it must not take discovery down. Default: a warning of the process. */
  onError: (error: unknown) => void = (error) => process.emitWarning(error instanceof Error ? error : String(error));

  readonly #after: (ms: number, run: () => void) => void;
  readonly #worked: () => number;

  /** @param worked ms of CPU that this thread has had; not the time in which the loop was busy, which a busy machine makes long */
  constructor(
    now: () => number = () => performance.now(),
    after: (ms: number, run: () => void) => void = (ms, run) => void setTimeout(run, ms).unref(),
    worked: () => number = threadMs,
  ) {
    this.#now = now;
    this.#after = after;
    this.#worked = worked;
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
        const wait = this.#wait();
        if (wait <= 0) setImmediate(() => void this.#run(flush));
        else this.#after(wait, () => this.#runOrWait(flush));
        return;
      }
      default:
        this.#state satisfies never;
    }
  }

  /** What the loop did meanwhile counts too. */
  #runOrWait(flush: () => Promise<void>): void {
    const wait = this.#wait();
    if (wait > 0) this.#after(wait, () => this.#runOrWait(flush));
    else void this.#run(flush);
  }

  /** @returns ms; none or less: go on */
  #wait(): number {
    const now = this.#now();
    const took = this.#ended - this.#began;
    if (now >= this.#ended + MAX_WAIT_MS) return 0;
    const worked = this.#worked() - this.#workedBefore;
    const rested = worked < SMALL_MS ? 0 : this.#began + 2 * worked;
    return Math.min(Math.max(this.#ended + took, rested), this.#ended + MAX_WAIT_MS) - now;
  }

  async #run(flush: () => Promise<void>): Promise<void> {
    this.#state = 'running';
    this.#again = false;
    this.#began = this.#now();
    this.#workedBefore = this.#worked();
    try {
      await flush();
    } catch (error) {
      this.onError(error);
    } finally {
      this.#ended = this.#now();
      this.#state = 'idle';
      if (this.#again) this.request(flush);
    }
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
