import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';

/** Messages below this are not counted: they are in the kernel's buffers before anyone could wait for them. */
export const LARGE_MESSAGE = 64 * 1024;

/** ms that a message may be under way before the others stop waiting for its reader. */
const STALLED_AFTER = 1_000;

export interface SendBudgetLimits {
  /** Bytes under way; a message starts while there are less, so the bound is soft by one message. Default 32 MiB. */
  readonly underWay: number;
  /** Bytes for readers that have stalled; beyond it the one that has stalled for longest is given up. Default 64 MiB. */
  readonly stalled: number;
}

/** One message that is under way. */
interface Lease {
  readonly bytes: number;
  readonly giveUp: () => void;
  state: 'underWay' | 'stalled' | 'ended';
  callOff: () => void;
}

/**
 * Bounds the bytes of large messages that wait for slow readers, over all streams: 2,000 clients that connect at once
 * with 512 KiB each cost 1.26 GB when each is written to at once. A reader that does not read holds up the others for a
 * second at most.
 */
export class SendBudget {
  readonly #limits: SendBudgetLimits;
  readonly #timers: Timers;
  #underWay = 0;
  #stalledBytes = 0;
  /** Longest first. */
  readonly #stalled = new Set<Lease>();
  /** In the order in which they asked. */
  readonly #waiting = new Set<() => void>();

  constructor(limits: Partial<SendBudgetLimits> = {}, timers: Timers = systemTimers) {
    this.#limits = { underWay: 32 * 1024 * 1024, stalled: 64 * 1024 * 1024, ...limits };
    this.#timers = timers;
  }

  /** True: go on. False: `retry` is called once when there is room. */
  mayStart(retry: () => void): boolean {
    if (this.#underWay < this.#limits.underWay) {
      this.#waiting.delete(retry);
      return true;
    }
    this.#waiting.add(retry);
    return false;
  }

  /**
   * A message is under way.
   * @param giveUp ends its stream, because others need the room
   * @returns to be called when it was read, or never will be
   */
  take(bytes: number, giveUp: () => void): () => void {
    const lease: Lease = { bytes, giveUp, state: 'underWay', callOff: () => undefined };
    this.#underWay += bytes;
    lease.callOff = this.#timers.after(STALLED_AFTER, () => this.#stall(lease));
    return () => this.#end(lease);
  }

  forget(retry: () => void): void {
    this.#waiting.delete(retry);
  }

  #stall(lease: Lease): void {
    lease.state = 'stalled';
    this.#stalled.add(lease);
    this.#stalledBytes += lease.bytes;
    this.#underWay -= lease.bytes;
    for (const longest of this.#stalled) {
      if (this.#stalledBytes <= this.#limits.stalled || this.#stalled.size === 1) break;
      this.#end(longest);
      longest.giveUp();
    }
    this.#wake();
  }

  #end(lease: Lease): void {
    const { state } = lease;
    lease.state = 'ended';
    if (state === 'ended') return;
    if (state === 'stalled') {
      this.#stalled.delete(lease);
      this.#stalledBytes -= lease.bytes;
      return;
    }
    lease.callOff();
    this.#underWay -= lease.bytes;
    this.#wake();
  }

  #wake(): void {
    for (const retry of this.#waiting) {
      if (this.#underWay >= this.#limits.underWay) return;
      this.#waiting.delete(retry);
      retry();
    }
  }
}
