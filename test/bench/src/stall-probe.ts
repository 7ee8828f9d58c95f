import { THREAD_OFFSET } from './monotonic.ts';
import { PerformanceObserver, constants, monitorEventLoopDelay } from 'node:perf_hooks';

export interface Stall {
  /** Its end, `monotonic()`: a CPU profile counts on the same clock. */
  readonly at: number;
  /** ms between two turns of the event loop, less the millisecond that is asked for. */
  readonly wallMs: number;
  /** ms of CPU that this thread had in that time: much less than the wall time means that the machine was busy elsewhere. */
  readonly cpuMs: number;
  /** ms of garbage collection of any kind in that time. */
  readonly gcMs: number;
}

export interface Stalls {
  /** The longest, first by wall time, then by the thread's own CPU time. */
  readonly longest: Stall;
  readonly longestByCpu: Stall;
  /** The ten with the most CPU time of their own, to look for in a profile. */
  readonly top: readonly Stall[];
  /** `monitorEventLoopDelay`, as a second witness, ms. */
  readonly delayMaxMs: number;
  readonly turns: number;
}

const NONE: Stall = { at: 0, wallMs: 0, cpuMs: 0, gcMs: 0 };

/**
 * Looks every millisecond how long the event loop was held. Wall time says what a stream had to wait; the thread's CPU
 * time in the same gap says how much of it was ours: on a shared machine the rest is another process's.
 */
export class StallProbe {
  readonly #delay = monitorEventLoopDelay({ resolution: 1 });
  readonly #observer: PerformanceObserver;
  #timer: NodeJS.Timeout | undefined;
  #last = { wall: 0, cpu: 0 };
  #collections: { readonly end: number; readonly ms: number }[] = [];
  #gaps: { readonly start: number; readonly end: number; readonly wallMs: number; readonly cpuMs: number }[] = [];
  #turns = 0;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const kind = (entry as { detail?: { kind?: number } }).detail?.kind;
        if (kind !== constants.NODE_PERFORMANCE_GC_INCREMENTAL || entry.duration > 1)
          this.#collections.push({ end: entry.startTime + entry.duration, ms: entry.duration });
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
    this.#delay.enable();
    this.#last = this.#now();
    this.#wait();
  }

  /** What happened since the start or the last call. */
  take(): Stalls {
    const stalls = this.#gaps.map(({ start, end, wallMs, cpuMs }) => {
      const inside = this.#collections.filter((collection) => collection.end >= start && collection.end <= end + 1);
      return { at: end + THREAD_OFFSET, wallMs, cpuMs, gcMs: inside.reduce((sum, { ms }) => sum + ms, 0) };
    });
    const most = (by: (stall: Stall) => number) => stalls.reduce((a, b) => (by(b) > by(a) ? b : a), NONE);
    const result = {
      longest: most((stall) => stall.wallMs),
      longestByCpu: most((stall) => stall.cpuMs),
      top: stalls.toSorted((a, b) => b.cpuMs - a.cpuMs).slice(0, 10),
      delayMaxMs: this.#delay.max / 1e6,
      turns: this.#turns,
    };
    this.#delay.reset();
    this.#gaps = [];
    this.#collections = [];
    this.#turns = 0;
    this.#last = this.#now();
    return result;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#delay.disable();
    this.#observer.disconnect();
  }

  #now(): { readonly wall: number; readonly cpu: number } {
    const { user, system } = process.threadCpuUsage();
    return { wall: performance.now(), cpu: (user + system) / 1_000 };
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      const now = this.#now();
      const wallMs = now.wall - this.#last.wall - 1;
      this.#turns += 1;
      if (wallMs > 4) this.#gaps.push({ start: this.#last.wall, end: now.wall, wallMs, cpuMs: now.cpu - this.#last.cpu });
      this.#last = now;
      this.#wait();
    }, 1);
  }
}
