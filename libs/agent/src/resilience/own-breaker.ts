import { ownedCall } from './call-owner.ts';
import type { TargetOption } from './call-owner.ts';
import { wrapBreaker } from './opossum.ts';
import type { OpossumOptions } from './opossum-shape.ts';

/** The application's class: `import CircuitBreaker from 'opossum'`. It is an optional peer of the agent, which has none of its own. */
export type BreakerClass = new (
  action: (...args: never[]) => Promise<unknown>,
  options: Partial<OpossumOptions>,
) => { fire(...args: unknown[]): Promise<unknown>; fallback(fallback: (...args: never[]) => unknown): unknown };

export interface OwnBreakerOption<Args extends readonly unknown[]> extends TargetOption<Args> {
  /** As opossum's; what is left out is opossum's default, but for percentiles, which cost a sort at each failure. */
  readonly breaker?: Readonly<Partial<OpossumOptions>>;
  readonly fallback?: (...args: [...Args, Error]) => unknown;
}

/**
 * For a service that has no breaker: its call with one of the application's opossum, for each target one. At `resilience` and
 * `retired` it observes, as one of the application's own would; for what no plan names the call is as it was, without a breaker.
 */
export function withBreaker<Args extends readonly unknown[], Answer>(
  circuitBreaker: BreakerClass,
  call: (...args: Args) => Promise<Answer>,
  option: OwnBreakerOption<Args>,
): (...args: Args) => Promise<Answer> {
  const breakers = new Map<string, InstanceType<BreakerClass>>();
  const breakerOf = (target: string): InstanceType<BreakerClass> => {
    const held = breakers.get(target);
    if (held !== undefined) return held;
    const options = { rollingPercentilesEnabled: false, name: target, ...option.breaker };
    const breaker = new circuitBreaker(call as unknown as (...args: never[]) => Promise<unknown>, options);
    if (option.fallback !== undefined) breaker.fallback(option.fallback as (...args: never[]) => unknown);
    const { headers, meshTimeoutMs, marginMs } = option as TargetOption;
    wrapBreaker(breaker, {
      target,
      ...(headers === undefined ? {} : { headers }),
      ...(meshTimeoutMs === undefined ? {} : { meshTimeoutMs }),
      ...(marginMs === undefined ? {} : { marginMs }),
    });
    breakers.set(target, breaker);
    return breaker;
  };
  return (...args) => {
    const owned = ownedCall(option, args);
    if (owned === undefined) return call(...args);
    // The breaker finds the same call within it.
    return owned.calls.whileRunning(owned.call, () => breakerOf(owned.call.authority).fire(...args) as Promise<Answer>);
  };
}
