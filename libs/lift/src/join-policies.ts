import type { LiftedPolicy } from '@isthmus/contract';
import { liftPolicy } from './lift-policy.ts';
import type { FieldReport, MeshPolicy } from './mesh-policy.ts';

/** What becomes of all policies that are for one host. */
export interface LiftedHost {
  readonly host: string;
  readonly mesh: MeshPolicy;
  readonly fields: readonly HostField[];
}

export interface HostField extends FieldReport {
  /** `opossum orders` */
  readonly policy: string;
  /** Where it is kept, if not in a process. */
  readonly source?: string;
}

/** A policy, and where it is kept if not in a process. */
type Sourced = LiftedPolicy & { readonly source?: string };

/**
 * By host, sorted. Of two policies for one host the first has the say, and what the other says differently is reported as left out.
 * @param target the host of all of them, whatever they name
 */
export function liftHosts(
  policies: readonly Sourced[],
  target?: string,
): { readonly hosts: readonly LiftedHost[]; readonly homeless: readonly string[] } {
  const byHost = new Map<string, Sourced[]>();
  const homeless: string[] = [];
  for (const policy of policies) {
    const host = target ?? policy.host;
    if (host === undefined) homeless.push(nameOf(policy));
    else byHost.set(host, [...(byHost.get(host) ?? []), policy]);
  }
  const hosts = [...byHost].sort(([a], [b]) => (a < b ? -1 : 1)).map(([host, all]) => joined(host, all));
  return { hosts, homeless };
}

function nameOf({ library, name }: LiftedPolicy): string {
  return name === '' || name === library ? library : `${library} ${name}`;
}

function joined(host: string, policies: readonly Sourced[]): LiftedHost {
  let mesh: MeshPolicy = {};
  const owners = new Map<string, string>();
  const fields: HostField[] = [];
  for (const policy of policies) {
    const lifted = liftPolicy(policy);
    const name = nameOf(policy);
    const of = policy.source === undefined ? { policy: name } : { policy: name, source: policy.source };
    fields.push(...lifted.fields.map((field) => ({ ...field, ...of })));
    for (const [key, value] of Object.entries(lifted.mesh) as [keyof MeshPolicy, unknown][]) {
      const held = mesh[key];
      if (held === undefined) {
        mesh = { ...mesh, [key]: value };
        owners.set(key, name);
      } else if (JSON.stringify(held) !== JSON.stringify(value)) {
        const how = `${owners.get(key)} has the say about ${key}: a host has one`;
        fields.push({ ...of, field: key, value, fidelity: 'lossy', how });
      }
    }
  }
  return { host, mesh, fields };
}

/**
 * What stops a promotion to `resilience` unless it is accepted: `FIELD of POLICY`, sorted. A plan accepts them by these names.
 * @param hand the kinds of policies that the plan hands over
 */
export function lossyFields(policies: readonly LiftedPolicy[], hand: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const policy of policies) {
    if (!hand.includes(policy.policy)) continue;
    for (const { field, fidelity } of liftPolicy(policy).fields)
      if (fidelity === 'lossy' || fidelity === 'blocked') found.add(`${field} of ${nameOf(policy)}`);
  }
  return [...found].sort();
}
