import { POLICIES } from '@isthmus/ladder';
import type { LiftedPolicy } from '@isthmus/contract';
import { parse } from 'yaml';
import { MOST_POLICIES, MOST_POLICY_BYTES } from './limits.ts';
import { hystrixPolicies, readProperties, resiliencePolicies } from './read-java.ts';
import { sentinelPolicy } from './read-sentinel.ts';
import type { ReadRules, SentinelKind } from './read-sentinel.ts';

export type ReadPolicies =
  | { readonly ok: true; readonly policies: readonly LiftedPolicy[] }
  | { readonly ok: false; readonly what: string; readonly remedy: string; readonly isNone?: true };

export const READABLE = [
  'options of opossum, cockatiel, undici or axios-retry as JSON or YAML, alone (`library: opossum`, `options: {…}`) or as a list',
  'what agents report (GET /api/v1/agents/policies)',
  'Sentinel flow and degrade rules as a JSON list, or the answer of Nacos that has it',
  '`hystrix` or `resilience4j` as YAML or .properties',
  'URLs of Dubbo, one a line',
] as const;

/** By what it looks like. Never throws. */
export function readPolicies(text: string): ReadPolicies {
  if (text.length > MOST_POLICY_BYTES)
    return refused(`it has ${text.length} characters`, `at most ${MOST_POLICY_BYTES} are read: split the file`);
  const urls = dubboUrls(text);
  if (urls !== undefined) return found(urls);
  const value = isProperties(text) ? readProperties(text) : parsed(text);
  if (value instanceof Error) return refused(`it is neither YAML nor JSON: ${value.message.split('\n')[0]}`, 'correct it there');
  const content = contentOf(value);
  return content === undefined ? found(policiesOf(value)) : readPolicies(content);
}

/** Of a text that a registry keeps for a service, which may have much else and no policy now. Never throws. */
export function readKeptPolicies(text: string): ReadRules {
  const none = { ok: true, policies: [], bad: [] } as const;
  if (text.trim() === '') return none;
  const read = readPolicies(text);
  if (read.ok) return { ok: true, policies: read.policies, bad: [] };
  return read.isNone ? none : { ok: false, what: read.what };
}

/** What Nacos answers to who asks for a config, but by its first API: the content is a text within. */
function contentOf(value: unknown): string | undefined {
  if (!isRecord(value) || typeof value['code'] !== 'number') return undefined;
  const { data } = value;
  const content = isRecord(data) ? data['content'] : data;
  return typeof content === 'string' ? content : undefined;
}

function found(policies: readonly LiftedPolicy[]): ReadPolicies {
  if (policies.length === 0)
    return { ...refused('no policy is found in it', `readable are: ${READABLE.join('; ')}`), isNone: true };
  if (policies.length > MOST_POLICIES) return refused(`it has ${policies.length} policies`, `at most ${MOST_POLICIES} are read`);
  return { ok: true, policies };
}

function refused(what: string, remedy: string): ReadPolicies & { readonly ok: false } {
  return { ok: false, what, remedy };
}

function parsed(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    return error as Error;
  }
}

function isProperties(text: string): boolean {
  return /^\s*(hystrix|resilience4j)\.[^\s:=]+\s*=/m.test(text);
}

function policiesOf(value: unknown): readonly LiftedPolicy[] {
  if (Array.isArray(value)) return value.flatMap(policiesOf);
  if (!isRecord(value)) return [];
  for (const list of ['items', 'policies']) if (Array.isArray(value[list])) return policiesOf(value[list]);
  if (isRecord(value['hystrix'])) return hystrixPolicies(value['hystrix']);
  if (isRecord(value['resilience4j'])) return resiliencePolicies(value['resilience4j']);
  const { library, options } = value;
  if (typeof library === 'string' && isRecord(options)) return [reported(value, library, options)];
  const sentinel = sentinelKind(value);
  if (sentinel !== undefined) return [sentinelPolicy(value, sentinel)];
  const alone = aloneKind(value);
  return alone === undefined ? [] : [{ ...BARE, ...alone, name: String(value['name'] ?? alone.library), options: value }];
}

const BARE = { version: '', policy: 'circuitBreaking' } as const;

function reported(
  value: Readonly<Record<string, unknown>>,
  library: string,
  options: Readonly<Record<string, unknown>>,
): LiftedPolicy {
  const { host, version, name, policy } = value;
  const known = [...POLICIES, 'balancing' as const].find((each) => each === policy);
  return {
    ...(typeof host === 'string' ? { host } : {}),
    library,
    version: typeof version === 'string' ? version : '',
    name: typeof name === 'string' ? name : library,
    policy: known ?? 'circuitBreaking',
    options,
  };
}

function sentinelKind(value: Readonly<Record<string, unknown>>): SentinelKind | undefined {
  if (typeof value['resource'] !== 'string' || !('count' in value)) return undefined;
  return 'timeWindow' in value ? 'degrade' : 'flow';
}

/** Options that somebody copied out of the code, by the names that only one library has. */
function aloneKind(value: Readonly<Record<string, unknown>>): Pick<LiftedPolicy, 'library' | 'policy'> | undefined {
  const has = (...names: readonly string[]): boolean => names.some((name) => name in value);
  if (has('errorThresholdPercentage', 'resetTimeout', 'rollingCountTimeout'))
    return { library: 'opossum', policy: 'circuitBreaking' };
  if (has('halfOpenAfter')) return { library: 'cockatiel', policy: 'circuitBreaking' };
  if (has('maxAttempts')) return { library: 'cockatiel', policy: 'retry' };
  if (has('maxRetries')) return { library: 'undici', policy: 'retry' };
  return has('retries') ? { library: 'axios-retry', policy: 'retry' } : undefined;
}

/** Every line a URL, also as ZooKeeper keeps them: encoded. */
function dubboUrls(text: string): readonly LiftedPolicy[] | undefined {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')); // prettier-ignore
  const urls = lines.flatMap((line) => dubboUrl(line) ?? []);
  return lines.length > 0 && urls.length === lines.length ? urls : undefined;
}

function dubboUrl(line: string): LiftedPolicy | undefined {
  try {
    const text = /^[a-z]+%3A%2F%2F/i.test(line) ? decodeURIComponent(line) : line;
    const [, protocol = ''] = /^(dubbo|tri|consumer|triple):\/\//.exec(text) ?? [];
    if (protocol === '') return undefined;
    const { searchParams, pathname } = new URL(text.replace(/^[a-z]+:/, 'http:'));
    const options = { ...Object.fromEntries(searchParams), protocol };
    return { library: 'dubbo', version: '', name: searchParams.get('interface') ?? pathname.slice(1), policy: 'retry', options };
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
