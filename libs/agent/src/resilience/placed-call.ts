import { AsyncLocalStorage } from 'node:async_hooks';
import { ownerOf } from '@isthmus/ladder';
import type { Policy } from '@isthmus/ladder';
import type { Decision } from '../decision-table.ts';

/**
 * A logical call whose way was settled before its first attempt: by a breaker or a retry loop that has to know who owns it. Its attempts all
 * go that way, because an attempt that the process repeats must not reach a sidecar that repeats it too.
 */
export interface PlacedCall {
  /** `host:port` of the target. */
  readonly authority: string;
  readonly inShare: boolean;
  /** At its first attempt. */
  readonly decision: Decision;
  /** What the sidecar gives a call, retries included, ms; undefined where the plan does not say. */
  readonly timeoutMs: number | undefined;
}

interface Pin {
  readonly call: PlacedCall;
  readonly outer: Pin | undefined;
  done: boolean;
}

const pins = new AsyncLocalStorage<Pin>();
/** Decisions look for no pin before the first one was made. */
let used = false;

/** The logical call to this target that the running code belongs to. */
export function placedCall(authority: string): PlacedCall | undefined {
  if (!used) return undefined;
  let pin = pins.getStore();
  while (pin !== undefined && (pin.done || pin.call.authority !== authority)) pin = pin.outer;
  return pin?.call;
}

/** Runs one try of a call, or the whole of it. What it leaves running after `ended` is no longer part of the call. */
export function within<T>(call: PlacedCall, run: () => T): { readonly result: T; readonly ended: () => void } {
  used = true;
  const pin: Pin = { call, outer: pins.getStore(), done: false };
  return { result: pins.run(pin, run), ended: () => void (pin.done = true) };
}

/** As `within`, for what answers with a promise: the call ends with it. */
export function whileRunning<T>(call: PlacedCall, run: () => Promise<T>): Promise<T> {
  const { result, ended } = within(call, run);
  result.then(ended, ended);
  return result;
}

/**
 * The way of one attempt of a placed call. A sidecar that was lost in between is left; one that was found in between is not
 * taken before the next call, whose owner is then another.
 */
export function wayOf({ inShare, decision }: PlacedCall, now: { readonly inShare: Decision; readonly rest: Decision }): Decision {
  const current = inShare ? now.inShare : now.rest;
  return current.kind === 'sidecar' && decision.kind !== 'sidecar' ? decision : current;
}

/** Whether the sidecar does this for the call, and the process must not. */
export function isHandedOver(call: PlacedCall | undefined, policy: Policy): boolean {
  if (call?.decision.kind !== 'sidecar') return false;
  const { rung, hand } = call.decision;
  return ownerOf(policy, rung, hand) === 'sidecar';
}
