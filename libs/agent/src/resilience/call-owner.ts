import { currentAgent } from '../process-agent.ts';
import { isHandedOver } from './placed-call.ts';
import type { PlacedCall } from './placed-call.ts';
import type { TargetCalls } from './target-calls.ts';

/** Whose calls go through a breaker, retry loop or deadline. */
export interface TargetOption<Args extends readonly unknown[] = readonly unknown[]> {
  /**
   * A mesh host (`orders.default-group.public.nacos`), what the SDK calls it (`nacos/public/DEFAULT_GROUP/orders`), an instance's
   * `address:port` or a URL; or a function of the call's arguments. What no plan names stays as it is.
   */
  readonly target: string | ((...args: Args) => string | undefined);
  /** Of the request, for shares that stick by a header or cookie; by `trace` none are needed. */
  readonly headers?: (...args: Args) => unknown;
  /** What the mesh gives a call, ms, where the plan does not say. */
  readonly meshTimeoutMs?: number;
  /** The application's deadline is later than the mesh's by this, ms; 250 by default. */
  readonly marginMs?: number;
}

const MARGIN_MS = 250;

/** A call as a wrapper sees it, with the agent that placed it. */
export interface OwnedCall {
  readonly call: PlacedCall;
  readonly calls: TargetCalls;
}

/** @returns undefined where the process owns everything: no agent, no such target, or a fault of the agent */
export function ownedCall<Args extends readonly unknown[]>(option: TargetOption<Args>, args: Args): OwnedCall | undefined {
  try {
    const calls = currentAgent()?.calls;
    if (calls === undefined) return undefined;
    const target = typeof option.target === 'string' ? option.target : option.target(...args);
    const call = target === undefined ? undefined : calls.place(target, option.headers?.(...args));
    return call === undefined ? undefined : { call, calls };
  } catch {
    return undefined;
  }
}

/**
 * The application's deadline for a call, ms. Handed over, it is there for a sidecar that hangs: later than the mesh's own by a margin,
 * because what the mesh tries again within its deadline is still the call.
 * @param own 0 or less: it has none
 */
export function deadlineFor(option: TargetOption<never>, call: PlacedCall | undefined, own: number): number {
  if (own <= 0 || call === undefined || !isHandedOver(call, 'timeout')) return own;
  const mesh = call.timeoutMs ?? option.meshTimeoutMs ?? own;
  return mesh + (option.marginMs ?? MARGIN_MS);
}
