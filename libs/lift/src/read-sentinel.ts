import type { LiftedPolicy } from '@isthmus/contract';
import { MOST_POLICIES, MOST_POLICY_BYTES } from './limits.ts';

export type SentinelKind = 'flow' | 'degrade';

/** Sentinel's own names: its Nacos data source and dashboard keep the rules of an application there. */
export const SENTINEL_KINDS: readonly SentinelKind[] = ['flow', 'degrade'];

export function sentinelDataId(app: string, kind: SentinelKind): string {
  return `${app}-${kind}-rules`;
}

/** A rule that cannot be used; the others of its text can. */
export interface BadRule {
  /** From 0. */
  readonly at: number;
  readonly what: string;
}

export type ReadRules =
  | { readonly ok: true; readonly policies: readonly LiftedPolicy[]; readonly bad: readonly BadRule[] }
  /** Nothing of it can be used. */
  | { readonly ok: false; readonly what: string };

/** The JSON list that a data id has; blank is none, as an empty list is. Never throws. */
export function readSentinelRules(text: string, kind: SentinelKind): ReadRules {
  if (text.length > MOST_POLICY_BYTES)
    return { ok: false, what: `it has ${text.length} characters, and at most ${MOST_POLICY_BYTES} are read` };
  if (text.trim() === '') return { ok: true, policies: [], bad: [] };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    // V8 quotes what is around the fault, line breaks included.
    return { ok: false, what: `it is no JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}` };
  }
  if (!Array.isArray(list)) return { ok: false, what: 'it is no JSON list' };
  if (list.length > MOST_POLICIES)
    return { ok: false, what: `it has ${list.length} rules, and at most ${MOST_POLICIES} are read` };
  const policies: LiftedPolicy[] = [];
  const bad: BadRule[] = [];
  for (const [at, rule] of list.entries()) {
    const what = faultOf(rule, kind);
    if (what === undefined) policies.push(sentinelPolicy(rule as Rule, kind));
    else bad.push({ at, what });
  }
  return { ok: true, policies, bad };
}

type Rule = Readonly<Record<string, unknown>>;

export function sentinelPolicy(rule: Rule, kind: SentinelKind): LiftedPolicy {
  const name = String(rule['resource']);
  return { version: '', policy: 'circuitBreaking', library: `sentinel-${kind}`, name, options: rule };
}

/** As Sentinel's own rule managers leave rules out. */
function faultOf(rule: unknown, kind: SentinelKind): string | undefined {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return 'is no rule';
  const { resource, count, timeWindow } = rule as Rule;
  if (typeof resource !== 'string' || resource.trim() === '') return 'has no resource';
  if (!isNumber(count)) return 'has no count that is a number of 0 or more';
  if (kind === 'degrade' && !isNumber(timeWindow)) return 'has no timeWindow that is a number of 0 or more';
  return undefined;
}

function isNumber(value: unknown): boolean {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0;
}
