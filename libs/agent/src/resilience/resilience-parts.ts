import type { BreakerReport, LiftedPolicy } from '@isthmus/contract';
import { addReportSource } from '../control/report-sources.ts';
import { currentAgent } from '../process-agent.ts';

/** A breaker, retry loop or deadline of the application, as the agent tells of it. */
export interface ResiliencePart {
  /** As the application names it: a mesh host, what an SDK calls it, an address; undefined where each call says it anew. */
  readonly target: string | undefined;
  /** What it has done since it was last asked. */
  readonly breaker?: () => BreakerReport;
  readonly policies: () => readonly LiftedPolicy[];
}

/** An application that makes a breaker for each request would fill the memory by being told of. */
const MOST_PARTS = 4_096;
/** Wrappers of one copy of the package, the agent of another. */
const KEY = Symbol.for('isthmus.agent.resilience');

type Parts = Set<WeakRef<object>>;
type WithParts = typeof globalThis & { [KEY]?: { readonly refs: Parts; readonly parts: WeakMap<object, ResiliencePart> } };

function registry() {
  return ((globalThis as WithParts)[KEY] ??= { refs: new Set(), parts: new WeakMap() });
}

/** Tells of `owner` as long as the application has it. */
export function addPart(owner: object, part: ResiliencePart): void {
  const { refs, parts } = registry();
  if (parts.has(owner)) return;
  if (refs.size >= MOST_PARTS) sweep(refs);
  if (refs.size >= MOST_PARTS) return;
  parts.set(owner, part);
  refs.add(new WeakRef(owner));
  if (!reporting) addReportSource({ breakersOf, policies: changedPolicies, lost: () => (told = '') });
  reporting = true;
}

let reporting = false;
let told = '';

function breakersOf(host: string, port: number): readonly BreakerReport[] {
  const authority = `${host}:${port}`;
  const calls = currentAgent()?.calls;
  return resilienceParts().flatMap(({ target, breaker }) =>
    target !== undefined && breaker !== undefined && calls?.authorityOf(target) === authority ? [breaker()] : [],
  );
}

/** Each once, by mesh host where a plan knows the target; what it does not know is told by the application's name. */
function changedPolicies(): readonly LiftedPolicy[] | undefined {
  const calls = currentAgent()?.calls;
  const policies = new Map<string, LiftedPolicy>();
  for (const part of resilienceParts()) {
    const authority = part.target === undefined ? undefined : calls?.authorityOf(part.target);
    for (const own of part.policies()) {
      const policy = authority === undefined ? own : { ...own, host: authority.slice(0, authority.lastIndexOf(':')) };
      policies.set(JSON.stringify(policy), policy);
    }
  }
  const now = [...policies.keys()].join();
  if (now === told) return undefined;
  told = now;
  return [...policies.values()];
}

/** All that are left of those that were wrapped, in the order of their making. */
export function resilienceParts(): readonly ResiliencePart[] {
  const { refs, parts } = registry();
  sweep(refs);
  return [...refs].flatMap((ref) => {
    const owner = ref.deref();
    const part = owner === undefined ? undefined : parts.get(owner);
    return part === undefined ? [] : [part];
  });
}

function sweep(refs: Parts): void {
  for (const ref of refs) if (ref.deref() === undefined) refs.delete(ref);
}

/** Options as they can be told: functions by their presence only, and no objects of the application. */
export function tellable(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]): readonly (readonly [string, unknown])[] => {
      if (typeof value === 'function') return [[name, '[function]']];
      if (typeof value === 'number' && !Number.isFinite(value)) return [[name, String(value)]];
      if (value === null || ['number', 'boolean', 'string'].includes(typeof value)) return [[name, value]];
      if (Array.isArray(value) && value.length <= 100 && value.every((one) => ['number', 'string'].includes(typeof one)))
        return [[name, value]];
      return [];
    }),
  );
}
