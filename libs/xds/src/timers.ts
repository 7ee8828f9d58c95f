/** Injected, so that tests own the time. */
export interface Timers {
  /** @returns the function that calls it off. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref(); // a paused push must not keep a process alive that is done
    return () => clearTimeout(timer);
  },
};
