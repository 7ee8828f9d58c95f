import type { IstioObject } from '@isthmus/proto/istio';
import { encodePolicy } from './cluster-policy.ts';
import { HEALTH_CHECK_ANNOTATION, parseHealthCheck } from './health-checks.ts';
import type { PolicyInputs } from './cluster-policy.ts';
import type { HealthCheckRule } from './health-checks.ts';

type Rule = IstioObject<'DestinationRule'>;

/** Encoded once for every service that no rule names, and there are few kinds of them. */
const PLAIN = new Map<string, Uint8Array>();
/** By rule, for as long as somebody holds it: one rule may name thousands of services. */
const BY_RULE = new WeakMap<Rule, Map<string, Uint8Array>>();
const CHECKS = new WeakMap<Rule, { readonly check: HealthCheckRule | undefined }>();

/**
 * The policy's part of a cluster, from memory where an equal one was made before.
 * @param place which of the rule's policies it is: a port, a subset
 */
export function policyBytes(rule: Rule | undefined, place: string, inputs: Omit<PolicyInputs, 'healthCheck'>): Uint8Array {
  const { http2, originalDst, bare, sniDnat, alternativeNames } = inputs;
  let known = PLAIN;
  if (rule !== undefined) {
    known = BY_RULE.get(rule) ?? new Map<string, Uint8Array>();
    BY_RULE.set(rule, known);
  }
  const names = inputs.policy?.tls === undefined ? '' : alternativeNames.join(' ');
  const key = `${place} ${http2 ? 2 : 1}${originalDst ? 'o' : ''}${bare ? 'b' : ''}${sniDnat ? 's' : ''} ${names}`;
  let bytes = known.get(key);
  if (bytes === undefined) known.set(key, (bytes = encodePolicy({ ...inputs, healthCheck: checkOf(rule) })));
  return bytes;
}

function checkOf(rule: Rule | undefined): HealthCheckRule | undefined {
  const text = rule?.annotations[HEALTH_CHECK_ANNOTATION];
  if (rule === undefined || text === undefined) return undefined;
  let known = CHECKS.get(rule);
  if (known === undefined) {
    const parsed = parseHealthCheck(text);
    CHECKS.set(rule, (known = { check: 'problem' in parsed ? undefined : parsed }));
  }
  return known.check;
}
