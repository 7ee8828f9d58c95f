import { STATUS_CODES } from 'node:http';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { PreviousHostsPredicateSchema, PreviousPrioritiesConfigSchema } from '@isthmus/proto/envoy';
import type { HTTPRetry } from '@isthmus/proto/istio';
import type { Init } from './init.ts';
import type { RouteActionSchema } from '@isthmus/proto/envoy';

type RetryInit = Exclude<NonNullable<Init<typeof RouteActionSchema>['retryPolicy']>, { $typeName: string }>;

const PREVIOUS_HOSTS = [
  {
    name: 'envoy.retry_host_predicates.previous_hosts',
    configType: {
      case: 'typedConfig' as const,
      value: anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
    },
  },
];

const PREVIOUS_PRIORITIES = {
  name: 'envoy.retry_priorities.previous_priorities',
  configType: {
    case: 'typedConfig' as const,
    value: anyPack(PreviousPrioritiesConfigSchema, create(PreviousPrioritiesConfigSchema, { updateFrequency: 2 })),
  },
};

const RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

const DEFAULTS: RetryInit = {
  retryOn: RETRY_ON,
  numRetries: 2,
  retryHostPredicate: PREVIOUS_HOSTS,
  hostSelectionRetryMaxAttempts: 5n,
};
const HASHED_DEFAULTS: RetryInit = { ...DEFAULTS, retryHostPredicate: [] };

/**
 * Istio's default, the same object each time, or changed by what the rule says; undefined where it says 0 attempts.
 * @param consistentHash with it a retry goes to the host that the hash names, again
 */
export function retryPolicy(rule: HTTPRetry | undefined, consistentHash: boolean): RetryInit | undefined {
  const defaults = consistentHash ? HASHED_DEFAULTS : DEFAULTS;
  if (rule === undefined) return defaults;
  if (rule.attempts <= 0) return undefined;
  const known = consistentHash ? withHash : withoutHash;
  let policy = known.get(rule);
  if (policy === undefined) known.set(rule, (policy = changedBy(rule, defaults)));
  return policy;
}

/** The same object for the same rule: whoever encodes it has to do so once, for all routes and proxies. */
const withHash = new WeakMap<HTTPRetry, RetryInit>();
const withoutHash = new WeakMap<HTTPRetry, RetryInit>();

function changedBy(rule: HTTPRetry, defaults: RetryInit): RetryInit {
  return {
    ...defaults,
    ...conditions(rule.retryOn),
    numRetries: rule.attempts,
    ...(rule.perTryTimeout === undefined ? {} : { perTryTimeout: rule.perTryTimeout }),
    ...(rule.retryIgnorePreviousHosts === undefined
      ? {}
      : { retryHostPredicate: rule.retryIgnorePreviousHosts ? PREVIOUS_HOSTS : [] }),
    ...(rule.retryRemoteLocalities === true ? { retryPriority: PREVIOUS_PRIORITIES } : {}),
    ...(rule.backoff === undefined ? {} : { retryBackOff: { baseInterval: rule.backoff } }),
  };
}

/** Numbers among the conditions are status codes. */
function conditions(text: string): Pick<RetryInit, 'retryOn' | 'retriableStatusCodes'> {
  if (text === '') return {};
  const codes: number[] = [];
  const names: string[] = [];
  for (const part of text.split(',').map((word) => word.trim())) {
    if (part === '') continue;
    const code = /^\+?\d{3}$/.test(part) ? Number(part) : 0;
    // Go has no text for 509, which Node has.
    if (STATUS_CODES[code] !== undefined && code !== 509) codes.push(code);
    else names.push(part);
  }
  const retryOn = names.join();
  const byCode = codes.length > 0 && !retryOn.includes('retriable-status-codes');
  return { retryOn: byCode ? `${retryOn},retriable-status-codes` : retryOn, retriableStatusCodes: codes };
}
