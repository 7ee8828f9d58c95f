/** Injected, so that tests own the time. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/**
 * The time of day when the process started, and since then a clock that nobody sets: NTP steps and an operator's `date`
 * neither confirm a removal nor undo the waiting for one.
 */
export const steadyClock: Clock = { now: () => Math.round(performance.timeOrigin + performance.now()) };
