import { status } from '@grpc/grpc-js';
import { LARGE_MESSAGE } from './send-budget.ts';
import type { SendBudget } from './send-budget.ts';
import type { Response } from './shared-responses.ts';
import type { StreamChannel } from './stream-options.ts';
import type { Timers } from './timers.ts';

/** ms that a client may take to read what it was sent before its stream is given up. */
const MAX_STALL = 30_000;

export interface PushWriterOptions {
  readonly channel: StreamChannel;
  readonly budget: SendBudget;
  readonly timers: Timers;
  /** There is room again. */
  readonly onRoom: () => void;
  readonly onStall: (code: status, message: string) => void;
}

/** What is told of one push. */
export interface PushHandlers {
  /** There is a response; it may take some turns of the event loop until it is sent. */
  begun(): void;
  /** Just before the message is handed to the channel, perhaps within `write`. */
  sending(response: Response): void;
  /** Just after that. */
  sent(bytes: number): void;
}

/**
 * Encodes and sends one stream's responses, in order and with what the client and all clients together may have under way.
 * Small responses do not wait for each other, as long as the client reads them.
 */
export class PushWriter {
  readonly #options: PushWriterOptions;
  /** Bytes that the client has not read yet, as far as that can be known here. */
  #outstanding = 0;
  /** Those of them that are counted in the budget of all streams. */
  readonly #leases = new Set<() => void>();
  #encoding = false;
  #callOffStep: () => void = () => undefined;
  #callOffStall: (() => void) | undefined;
  #closed = false;

  constructor(options: PushWriterOptions) {
    this.#options = options;
  }

  /** Nothing may be pushed now; `onRoom` tells when. */
  get busy(): boolean {
    return this.#encoding || this.#outstanding >= LARGE_MESSAGE;
  }

  /**
   * Takes the steps of an encoding: the first at once, the others in turns of the event loop of their own, since a large
   * message takes long. Nothing else is pushed meanwhile, to keep the order.
   * @returns false when there was nothing to send
   */
  write(steps: Generator<void, Response | undefined>, on: PushHandlers): boolean {
    const first = steps.next();
    if (first.done === true && first.value === undefined) return false;
    on.begun();
    if (first.done === true) this.#send(first.value!, on);
    else this.#encodeOn(steps, on);
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#callOffStep();
    this.#callOffStall?.();
    for (const endLease of this.#leases) endLease();
  }

  #encodeOn(steps: Generator<void, Response | undefined>, on: PushHandlers): void {
    this.#encoding = true;
    this.#callOffStep = this.#options.timers.after(0, () => {
      const step = steps.next();
      if (step.done !== true) return this.#encodeOn(steps, on);
      this.#encoding = false;
      if (step.value !== undefined) this.#send(step.value, on);
      this.#options.onRoom();
    });
  }

  #send(response: Response, on: PushHandlers): void {
    const { budget, channel, timers } = this.#options;
    const { message } = response;
    const { length } = message;
    on.sending(response);
    const endLease = length < LARGE_MESSAGE ? undefined : budget.take(length, () => this.#giveUp('the bridge needs the memory'));
    if (endLease !== undefined) this.#leases.add(endLease);
    this.#outstanding += length;
    if (this.#outstanding >= LARGE_MESSAGE)
      this.#callOffStall ??= timers.after(MAX_STALL, () => this.#giveUp(`within ${MAX_STALL / 1000} s`));
    channel.send(message, () => {
      if (this.#closed) return;
      const wasBusy = this.busy;
      this.#outstanding -= length;
      if (this.#outstanding < LARGE_MESSAGE) {
        this.#callOffStall?.();
        this.#callOffStall = undefined;
      }
      if (endLease !== undefined) {
        this.#leases.delete(endLease);
        endLease();
      }
      if (wasBusy && !this.busy) this.#options.onRoom();
    });
    on.sent(length);
  }

  #giveUp(why: string): void {
    const what = `the client has not read ${this.#outstanding} bytes that it was sent`;
    this.#options.onStall(status.DEADLINE_EXCEEDED, `${what}, ${why}`);
  }
}
