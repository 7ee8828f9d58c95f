import { DEFAULT_LIMITS, UNSEEN, observe } from '@isthmus/ladder';
import type { Hysteresis, HysteresisLimits } from '@isthmus/ladder';
import type { Outcome, SidecarProbe } from './sidecar-probe.ts';

export interface SidecarWatchOptions {
  readonly probe: SidecarProbe;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Targets that want the sidecar, `host:port`; none, and nobody is asked anything. */
  readonly wanted: () => readonly string[];
  /** Something about readiness is different; what was lost or found, where it is the sidecar itself. */
  readonly changed: (sidecar?: 'ready' | 'lost') => void;
  readonly limits?: HysteresisLimits;
}

/** For whoever has to know whether the sidecar was lost while it had a call: then `lostAfter` is at least what `goodLooks` was. */
export interface SidecarSeen {
  /** Looks that found it well. */
  readonly goodLooks: number;
  /** `goodLooks` when it was lost last; -1 before. */
  readonly lostAfter: number;
  /** When that was, ms of the process's clock that never goes back; absent before, and in an older agent. */
  readonly lostAt?: number;
}

/** Between two looks at the sidecar: two bad ones lose it within a second. */
const EVERY_MS = 250;
/** A call that failed has it looked at at once, but not more often than this. */
const AT_LEAST_MS = 50;
/** Targets whose hosts are asked for at a look; 500 targets are each asked for every 16 s, new ones first. */
const TARGETS_A_LOOK = 8;

/** Whether the sidecar can take calls, and for which targets it has somebody to send them to. */
export class SidecarWatch {
  readonly #options: SidecarWatchOptions;
  readonly #seen: { goodLooks: number; lostAfter: number; lostAt?: number } = { goodLooks: 0, lostAfter: -1 };
  readonly #healthy = new Map<string, boolean>();
  #sidecar: Hysteresis = UNSEEN;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #next = 0;
  #closed = false;

  constructor(options: SidecarWatchOptions) {
    this.#options = options;
  }

  get seen(): SidecarSeen {
    return this.#seen;
  }

  isReady(authority: string): boolean {
    return this.#sidecar.kind === 'ready' && this.#healthy.get(authority) === true;
  }

  /** What another has seen until now counts until this one has looked itself. */
  assume(ready: readonly string[]): void {
    if (ready.length === 0) return;
    this.#sidecar = { kind: 'ready', since: this.#options.now(), failures: 0, waitMs: 0 };
    for (const authority of ready) this.#healthy.set(authority, true);
  }

  /** Why it is not; undefined where it is. */
  whyNot(authority: string): string | undefined {
    if (this.#sidecar.kind !== 'ready') return 'the sidecar does not answer or is not ready';
    return this.#healthy.get(authority) === true ? undefined : 'the sidecar has no healthy host for it';
  }

  /** A call met trouble at the egress. `dead`: nobody listens there. */
  failed(outcome: Exclude<Outcome, 'good'>): void {
    if (outcome === 'dead') this.#observe(outcome);
    this.#soon(Math.max(0, this.#lookedAt + AT_LEAST_MS - this.#options.now()));
  }

  /** To be called when `wanted` may have changed: looks at once. */
  wake(): void {
    this.#soon(0);
  }

  /** One look; never rejects. */
  async look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    const wanted = this.#options.wanted();
    if (wanted.length === 0) return;
    this.#looking = true;
    try {
      const outcome = await this.#options.probe.sidecar().catch((): Outcome => 'bad');
      this.#observe(outcome);
      if (outcome === 'good') await this.#lookAtTargets(wanted);
    } finally {
      this.#looking = false;
      this.#lookedAt = this.#options.now();
      this.#soon(EVERY_MS);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    if (this.#closed || this.#looking) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), ms);
    this.#timer.unref();
  }

  #observe(outcome: Outcome): void {
    const before = this.#sidecar;
    this.#sidecar = observe(before, { at: this.#options.now(), outcome }, this.#options.limits ?? DEFAULT_LIMITS);
    if (outcome === 'good') this.#seen.goodLooks += 1;
    if (this.#sidecar.kind !== before.kind && this.#sidecar.kind === 'lost') {
      this.#seen.lostAfter = this.#seen.goodLooks;
      this.#seen.lostAt = this.#options.now();
    }
    if (this.#sidecar.kind !== before.kind) this.#options.changed(this.#sidecar.kind);
  }

  async #lookAtTargets(wanted: readonly string[]): Promise<void> {
    if (this.#options.probe.asksNobody === true) {
      this.#takeForHealthy(wanted);
      return;
    }
    const names = new Set(wanted);
    for (const authority of this.#healthy.keys()) if (!names.has(authority)) this.#healthy.delete(authority);
    const unseen = wanted.filter((authority) => !this.#healthy.has(authority)).slice(0, TARGETS_A_LOOK);
    const turn = Array.from({ length: Math.min(wanted.length, TARGETS_A_LOOK - unseen.length) }, (_, at) => {
      return wanted[(this.#next + at) % wanted.length] as string;
    });
    this.#next = (this.#next + turn.length) % wanted.length;
    const asked = [...new Set([...unseen, ...turn])];
    const answers = await Promise.all(
      asked.map((authority) => this.#options.probe.hasHealthyHosts(authority).catch(() => false)),
    );
    let different = false;
    asked.forEach((authority, at) => {
      // Not known: it is what it was. A sidecar that hangs does not answer the next look either.
      const healthy = answers[at] ?? this.#healthy.get(authority) ?? false;
      different ||= (this.#healthy.get(authority) ?? false) !== healthy;
      this.#healthy.set(authority, healthy);
    });
    if (different) this.#options.changed();
  }

  #takeForHealthy(wanted: readonly string[]): void {
    if (this.#healthy.size > wanted.length) this.#healthy.clear(); // some have left
    const before = this.#healthy.size;
    for (const authority of wanted) this.#healthy.set(authority, true);
    if (this.#healthy.size !== before) this.#options.changed();
  }
}
