import type { IstioObject } from '@isthmus/proto/istio';
import { encodePolicy } from './cluster-policy.ts';
import { EJECTION_ANNOTATION, parseEjection } from './ejection.ts';
import { HEALTH_CHECK_ANNOTATION, parseHealthCheck } from './health-checks.ts';
import type { ClusterDefaults } from '../scope.ts';
import type { PolicyInputs } from './cluster-policy.ts';
import type { EjectionRule } from './ejection.ts';
import type { HealthCheckRule } from './health-checks.ts';

type Rule = IstioObject<'DestinationRule'>;

/** Encoded once for every service that no rule names, and there are few kinds of them. */
const PLAIN = new WeakMap<ClusterDefaults, Map<string, Uint8Array>>();
/** By rule, for as long as somebody holds it: one rule may name thousands of services. */
const BY_RULE = new WeakMap<ClusterDefaults, WeakMap<Rule, Map<string, Uint8Array>>>();
const ANNOTATED = new WeakMap<Rule, Annotated>();

/** What a rule's annotations ask of Envoy beside what Istio can say. */
interface Annotated {
  readonly healthCheck: HealthCheckRule | undefined;
  readonly ejection: EjectionRule | undefined;
}

/**
 * The policy's part of a cluster, from memory where an equal one was made before.
 * @param place which of the rule's policies it is: a port, a subset
 */
export function policyBytes(rule: Rule | undefined, place: string, inputs: Omit<PolicyInputs, keyof Annotated>): Uint8Array {
  const { http2, hosts, bare, sniDnat, alternativeNames, mesh } = inputs;
  const known = rule === undefined ? plainOf(mesh) : byRule(mesh, rule);
  const names = inputs.policy?.tls === undefined ? '' : alternativeNames.join(' ');
  const key = `${place} ${http2 ? 2 : 1}${hosts}${bare ? 'b' : ''}${sniDnat ? 's' : ''} ${names}`;
  let bytes = known.get(key);
  if (bytes === undefined) known.set(key, (bytes = encodePolicy({ ...inputs, ...annotatedBy(rule) })));
  return bytes;
}

function annotatedBy(rule: Rule | undefined): Annotated {
  const known = rule === undefined ? NOTHING : ANNOTATED.get(rule);
  if (rule === undefined || known !== undefined) return known ?? NOTHING;
  const { [HEALTH_CHECK_ANNOTATION]: check, [EJECTION_ANNOTATION]: ejection } = rule.annotations;
  const annotated = { healthCheck: usable(check, parseHealthCheck), ejection: usable(ejection, parseEjection) };
  ANNOTATED.set(rule, annotated);
  return annotated;
}

const NOTHING: Annotated = { healthCheck: undefined, ejection: undefined };

function usable<T extends object>(
  text: string | undefined,
  parse: (text: string) => T | { readonly problem: string },
): T | undefined {
  const parsed = text === undefined ? undefined : parse(text);
  return parsed === undefined || 'problem' in parsed ? undefined : parsed;
}

function plainOf(mesh: ClusterDefaults): Map<string, Uint8Array> {
  const known = PLAIN.get(mesh) ?? new Map<string, Uint8Array>();
  PLAIN.set(mesh, known);
  return known;
}

function byRule(mesh: ClusterDefaults, rule: Rule): Map<string, Uint8Array> {
  const rules = BY_RULE.get(mesh) ?? new WeakMap<Rule, Map<string, Uint8Array>>();
  BY_RULE.set(mesh, rules);
  const known = rules.get(rule) ?? new Map<string, Uint8Array>();
  rules.set(rule, known);
  return known;
}
