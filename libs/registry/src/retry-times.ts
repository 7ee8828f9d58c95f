import { backoff } from '@isthmus/model';

/** When what was refused may be tried again, by key: after a jittered backoff of its own. */
export class RetryTimes {
  readonly #times = new Map<string, { readonly attempt: number; readonly at: number }>();
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #mostMs: number;

  constructor(random: () => number, baseMs: number, mostMs: number) {
    this.#random = random;
    this.#baseMs = baseMs;
    this.#mostMs = mostMs;
  }

  failed(key: string, now: number): void {
    const attempt = (this.#times.get(key)?.attempt ?? 0) + 1;
    this.#times.set(key, { attempt, at: now + backoff(attempt, this.#random, this.#baseMs, this.#mostMs) });
  }

  forget(key: string): void {
    this.#times.delete(key);
  }

  mayTry(key: string, now: number): boolean {
    return (this.#times.get(key)?.at ?? 0) <= now;
  }

  /** Keys whose time has come; they stay until they are forgotten or fail again. */
  *due(now: number): Generator<string> {
    for (const [key, { at }] of this.#times) if (at <= now) yield key;
  }

  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.#times.values()) next = Math.min(next, at);
    return next;
  }
}
