import type { BreakerReport, LiftedPolicy } from '@isthmus/contract';
import { applicationVersion } from './application-library.ts';
import { deadlineFor, ownedCall } from './call-owner.ts';
import type { OwnedCall, TargetOption } from './call-owner.ts';
import { ObservedPolicy } from './cockatiel-breaker.ts';
import { brokenCircuit, partOf, partsOf, taskCancelled } from './cockatiel-shape.ts';
import type {
  CockatielBreaker,
  CockatielExecutor,
  CockatielPart,
  CockatielPolicy,
  CockatielRetry,
  CockatielTimeout,
} from './cockatiel-shape.ts';
import { discard, meshRefusal } from './mesh-refusal.ts';
import type { MeshRefusal } from './mesh-refusal.ts';
import { isHandedOver } from './placed-call.ts';
import { addPart, tellable } from './resilience-parts.ts';

const WRAPPED = Symbol.for('isthmus.agent.cockatiel');
const NEVER_ABORTED = new AbortController().signal;

type Fn = (...args: unknown[]) => unknown;

/**
 * Lets a policy of the application's cockatiel (3 or 4), or each part of what `wrap` made, hand over what a plan says: breakers and
 * bulkheads with `circuitBreaking`, retries with `retry`, deadlines with `timeout`. `target` cannot depend on arguments: there are none.
 * @returns the policy
 */
export function wrapPolicy<Policy extends object>(policy: Policy, option: TargetOption<[]>): Policy {
  for (const part of partsOf(policy)) if (!(WRAPPED in part)) wrapPart(partOf(part), part as CockatielPolicy, option);
  return policy;
}

function wrapPart(part: CockatielPart, policy: CockatielPolicy, option: TargetOption<[]>): void {
  if (part.kind === 'other') return; // fallbacks and what holds no call back
  const execute = policy.execute;
  const own = (fn: Fn, signal?: AbortSignal): Promise<unknown> => execute.call(policy, fn, signal);
  const handed = handedOver(part, own, option);
  Object.defineProperty(policy, WRAPPED, { value: true });
  Object.defineProperty(policy, 'execute', {
    value: (fn: Fn, signal?: AbortSignal): Promise<unknown> => {
      const owned = ownedCall(option, []);
      if (owned === undefined) return handed.own(fn, signal);
      return owned.calls.whileRunning(owned.call, () => handed.owned(owned, fn, signal));
    },
    configurable: true,
    writable: true,
  });
  const target = typeof option.target === 'string' ? option.target : undefined;
  const { breaker } = handed;
  addPart(policy, { target, policies: () => lifted(part, target), ...(breaker === undefined ? {} : { breaker }) });
}

interface Handed {
  readonly own: (fn: Fn, signal?: AbortSignal) => Promise<unknown>;
  readonly owned: (owned: OwnedCall, fn: Fn, signal?: AbortSignal) => Promise<unknown>;
  readonly breaker?: () => BreakerReport;
}

function handedOver(part: Exclude<CockatielPart, { kind: 'other' }>, own: Handed['own'], option: TargetOption<[]>): Handed {
  switch (part.kind) {
    case 'breaker':
      return breakerOver(part.policy);
    case 'retry': {
      const { execute } = Object.getPrototypeOf(part.policy) as CockatielRetry;
      const once = Object.create(part.policy, { options: { value: { ...part.policy.options, maxAttempts: 0 } } }) as object;
      return {
        own,
        owned: ({ call }, fn, signal) => (isHandedOver(call, 'retry') ? execute.call(once, fn, signal) : own(fn, signal)),
      };
    }
    case 'timeout':
      return timeoutOver(part.policy, own, option);
    case 'bulkhead':
      return {
        own,
        owned: async ({ call }, fn, signal) =>
          isHandedOver(call, 'circuitBreaking') ? fn({ signal: signal ?? NEVER_ABORTED }) : own(fn, signal),
      };
    default:
      return part satisfies never;
  }
}

function breakerOver(policy: CockatielBreaker): Handed {
  const { execute } = Object.getPrototypeOf(policy) as CockatielBreaker;
  const broken = brokenCircuit(policy, execute);
  const refusals = new WeakSet<object>();
  const observed = new ObservedPolicy(policy, execute, (error) => isObject(error) && refusals.has(error));
  return {
    own: (fn, signal) => observed.own(fn, signal),
    owned: ({ call, calls: { sidecar } }, fn, signal) => {
      observed.takeOut(sidecar);
      if (!isHandedOver(call, 'circuitBreaking'))
        return observed.own(fn, signal, call.decision.kind === 'sidecar' ? sidecar : undefined);
      const toError = (refusal: MeshRefusal): Promise<Error> | undefined =>
        refusal === 'open' || refusal === 'overflow' ? broken : undefined;
      const made = (error: Error, refusal: MeshRefusal): void => void (refusal === 'open' && refusals.add(error));
      return observed.observed(mappedFn(fn, toError, made), signal, sidecar);
    },
    breaker: () => observed.report(),
  };
}

function timeoutOver(policy: CockatielTimeout, own: Handed['own'], option: TargetOption<[]>): Handed {
  const { execute } = Object.getPrototypeOf(policy) as CockatielTimeout;
  const cancelled = taskCancelled(policy, execute);
  return {
    own,
    owned: ({ call }, fn, signal) => {
      if (!isHandedOver(call, 'timeout')) return own(fn, signal);
      const later = Object.create(policy, { duration: { value: deadlineFor(option, call, policy.duration) } }) as object;
      return execute.call(
        later,
        mappedFn(fn, (refusal) => (refusal === 'timeout' ? cancelled : undefined)),
        signal,
      );
    },
  };
}

/** Answers of the sidecar itself become cockatiel's errors, of the application's own classes: its fallbacks ask for those. */
function mappedFn(
  fn: Fn,
  errorFor: (refusal: MeshRefusal) => Promise<Error> | undefined,
  made?: (error: Error, refusal: MeshRefusal) => void,
): Fn {
  const thrown = async (outcome: unknown): Promise<Error | undefined> => {
    const refusal = meshRefusal(outcome);
    const known = refusal === undefined ? undefined : await errorFor(refusal);
    if (refusal === undefined || known === undefined) return undefined;
    const error = Reflect.construct(known.constructor, [known.message]) as Error;
    made?.(error, refusal);
    return error;
  };
  return async (...args) => {
    let value: unknown;
    try {
      value = await fn(...args);
    } catch (reason) {
      throw (await thrown(reason)) ?? reason;
    }
    const error = await thrown(value);
    if (error === undefined) return value;
    discard(value);
    throw error;
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function lifted(part: CockatielPart, target: string | undefined): readonly LiftedPolicy[] {
  const told = (policy: LiftedPolicy['policy'], options: LiftedPolicy['options']): readonly LiftedPolicy[] => [
    {
      ...(target === undefined ? {} : { host: target }),
      library: 'cockatiel',
      version: applicationVersion('cockatiel'),
      name: part.kind,
      policy,
      options: tellable(options),
    },
  ];
  switch (part.kind) {
    case 'breaker': {
      const { halfOpenAfter, breaker } = part.policy.options;
      return told('circuitBreaking', {
        ...(typeof halfOpenAfter === 'number' ? { halfOpenAfter } : { halfOpenAfter: '[function]' }),
        ...samplingOf(breaker),
        ...codeOf(part.policy),
      });
    }
    case 'retry':
      return told('retry', {
        maxAttempts: part.policy.options.maxAttempts,
        backoff: waitOf(part.policy.options.backoff),
        ...codeOf(part.policy),
      });
    case 'timeout':
      return told('timeout', { duration: part.policy.duration, strategy: part.policy.options.strategy });
    case 'bulkhead':
      return told('circuitBreaking', { capacity: part.policy.capacity, queueCapacity: part.policy.queueCapacity });
    case 'other':
      return [];
    default:
      return part satisfies never;
  }
}

/** A ConstantBackoff's, which is one of 0 where the application has none. */
function waitOf(backoff: unknown): unknown {
  const { interval } = (backoff ?? {}) as { readonly interval?: unknown };
  return typeof interval === 'number' ? interval : '[function]';
}

/** What it leaves alone, or takes a value for. `handleAll` has these two, which leave nothing alone. */
function codeOf({ executor }: { readonly executor: CockatielExecutor }): Readonly<Record<string, unknown>> {
  const { errorFilter, resultFilter } = executor;
  return {
    ...(ALWAYS.test(String(errorFilter)) ? {} : { errorFilter }),
    ...(NEVER.test(String(resultFilter)) ? {} : { resultFilter }),
  };
}

const ALWAYS = /^\(\)\s*=>\s*(?:true|!0)$/;
const NEVER = /^\(\)\s*=>\s*(?:false|!1)$/;

/** Of ConsecutiveBreaker, SamplingBreaker or CountBreaker, by the names of its constructor's options. */
function samplingOf(breaker: object): Readonly<Record<string, unknown>> {
  const { threshold, duration, minimumRpms, samples, minimumNumberOfCalls } = breaker as Record<string, unknown>;
  const isNumber = (value: unknown): value is number => typeof value === 'number';
  if (isNumber(minimumRpms)) return { breaker: 'sampling', threshold, duration, minimumRps: minimumRpms * 1000 };
  if (isNumber(minimumNumberOfCalls))
    return { breaker: 'count', threshold, ...(Array.isArray(samples) ? { size: samples.length } : {}), minimumNumberOfCalls };
  return isNumber(threshold) ? { breaker: 'consecutive', threshold } : {};
}
