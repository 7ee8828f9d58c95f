import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { POLICIES, isRung } from '@isthmus/ladder';
import type { Policy } from '@isthmus/ladder';
import { ipv4Of, portOf } from './address-index.ts';
import { lowerCase } from './lower-case.ts';
import { optionalOf } from './read-optional.ts';

export type ReadPlan = { readonly ok: true; readonly plan: AgentPlan } | { readonly ok: false; readonly why: string };

/** A plan has some hundred bytes per instance; a larger text is something else. */
export const LONGEST_PLAN = 8 * 1024 * 1024;
export const MOST_TARGETS = 10_000;
/** Of all targets together. */
export const MOST_ADDRESSES = 200_000;
const LONGEST_TIMEOUT_MS = 86_400_000;

/** A plan as a whole or not at all: half of one would move services that its author did not mean to move alone. */
export function readPlan(text: string): ReadPlan {
  if (text.length > LONGEST_PLAN) return refused(`it has ${text.length} characters, and at most ${LONGEST_PLAN} are read`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refused(/^\s*</.test(text) ? 'it is a page of HTML, not JSON' : `it is not JSON: ${(error as Error).message}`);
  }
  try {
    return { ok: true, plan: planOf(value) };
  } catch (error) {
    return refused((error as Error).message);
  }
}

/** One target of a stream. @throws {Error} that says what is wrong */
export function readTarget(value: unknown, where: string): AgentTarget {
  return targetOf(value, where);
}

function refused(why: string): ReadPlan {
  return { ok: false, why };
}

function planOf(value: unknown): AgentPlan {
  const plan = objectOf(value, 'the plan');
  if (plan['schema'] !== 1) throw new Error(`its schema is ${shown(plan['schema'])}, and this agent reads schema 1`);
  if (typeof plan['version'] !== 'string' || plan['version'].length > 256) throw new Error('version is not a short text');
  const { targets } = plan;
  if (!Array.isArray(targets)) throw new Error('targets is not a list');
  if (targets.length > MOST_TARGETS) throw new Error(`it has ${targets.length} targets, and at most ${MOST_TARGETS} are read`);
  const read = targets.map((target, at) => targetOf(target, `targets[${at}]`));
  const addresses = read.reduce((sum, target) => sum + target.addresses.length, 0);
  if (addresses > MOST_ADDRESSES) throw new Error(`it has ${addresses} addresses, and at most ${MOST_ADDRESSES} are read`);
  const twice = firstTwice(read.map(({ host, port = 80 }) => `${host}:${port}`));
  if (twice !== undefined) throw new Error(`${twice} is a target twice`);
  return { schema: 1, version: plan['version'], targets: read };
}

function targetOf(value: unknown, where: string): AgentTarget {
  const target = objectOf(value, where);
  const { host, port = 80, rung, percent = 100, stickyBy, hand = POLICIES, addresses, timeoutMs } = target;
  if (typeof host !== 'string' || !/^[a-z0-9]([a-z0-9._-]{0,252})$/i.test(host))
    throw new Error(`${where}.host is no host: ${shown(host)}`);
  if (!isPort(port)) throw new Error(`${where}.port is no port: ${shown(port)}`);
  if (!isRung(rung)) throw new Error(`${where}.rung is no rung: ${shown(rung)}`);
  if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100))
    throw new Error(`${where}.percent is not within 0 and 100: ${shown(percent)}`);
  if (
    stickyBy !== undefined &&
    (typeof stickyBy !== 'string' || !/^(header|cookie):[!#$%&'*+.^_`|~\w-]{1,100}$|^(trace|key)$/.test(stickyBy))
  )
    throw new Error(`${where}.stickyBy is not header:NAME, cookie:NAME, key or trace: ${shown(stickyBy)}`);
  if (!Array.isArray(hand) || !hand.every(isPolicy))
    throw new Error(`${where}.hand names other things than ${POLICIES.join(', ')}`);
  if (!Array.isArray(addresses) || !addresses.every(isAddress))
    throw new Error(`${where}.addresses is not a list of ADDRESS:PORT`);
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS))
    throw new Error(`${where}.timeoutMs is not within 1 and ${LONGEST_TIMEOUT_MS}: ${shown(timeoutMs)}`);
  return {
    host: lowerCase(host),
    port,
    rung,
    percent,
    hand,
    addresses,
    ...(stickyBy === undefined ? {} : { stickyBy }),
    ...optionalOf(target, where),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${where} is no object`);
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536;
}

function isPolicy(value: unknown): value is Policy {
  return (POLICIES as readonly unknown[]).includes(value);
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 300) return false;
  const colon = value.lastIndexOf(':');
  if (ipv4Of(value, 0, colon) !== -1 && portOf(value, colon + 1) !== -1) return true;
  // Not `exec`: a plan has thousands of them, and each would leave an array behind.
  return /^(?:\[[0-9a-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/i.test(value) && isPort(Number(value.slice(colon + 1)));
}

function firstTwice(values: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return values.find((value) => seen.size === seen.add(value).size);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 60);
}
