import type { AgentHello, AgentPlan, AgentTarget, TargetEndpoints, TargetViewHash, ViewEndpoint } from '@isthmus/contract';
import { readPlan, readTarget } from '../read-plan.ts';
import type { StreamEvent } from './event-stream.ts';

/** What the control plane said, checked. */
export type ControlEvent =
  | { readonly kind: 'hello'; readonly hello: Pick<AgentHello, 'bridge' | 'pingMs' | 'reportEveryMs'> }
  | { readonly kind: 'plan'; readonly plan: AgentPlan }
  | { readonly kind: 'target'; readonly version: string; readonly target: AgentTarget }
  | { readonly kind: 'gone'; readonly version: string; readonly host: string; readonly port: number }
  | { readonly kind: 'endpoints'; readonly endpoints: TargetEndpoints }
  | { readonly kind: 'view'; readonly view: TargetViewHash }
  | { readonly kind: 'registrations'; readonly withdrawn: readonly string[]; readonly listed: readonly string[] }
  | { readonly kind: 'ask'; readonly host: string; readonly port: number }
  /** A newer bridge's: it knows that older agents pass it over. */
  | { readonly kind: 'unknown' };

const MOST_ENDPOINTS = 20_000;
const MOST_NAMES = 1_000;

/** @throws {Error} that says what is wrong with it */
export function readControlEvent({ event, data }: StreamEvent): ControlEvent {
  if (event === 'plan') {
    const read = readPlan(data);
    if (!read.ok) throw new Error(read.why);
    return { kind: 'plan', plan: read.plan };
  }
  if (!KNOWN.has(event)) return { kind: 'unknown' };
  const value = objectOf(JSON.parse(data), event);
  switch (event) {
    case 'hello':
      return {
        kind: 'hello',
        hello: {
          bridge: textOf(value['bridge'], 'bridge'),
          pingMs: within(value['pingMs'], 1_000, 300_000, 15_000),
          reportEveryMs: within(value['reportEveryMs'], 1_000, 3_600_000, 10_000),
        },
      };
    case 'target':
      return { kind: 'target', version: textOf(value['version'], 'version'), target: readTarget(value['target'], 'target') };
    case 'gone':
      return { kind: 'gone', version: textOf(value['version'], 'version'), ...placeOf(value) };
    case 'endpoints': {
      const { endpoints } = value;
      if (!Array.isArray(endpoints) || endpoints.length > MOST_ENDPOINTS)
        throw new Error('endpoints is no list that can be meant');
      const read = { ...placeOf(value), hash: textOf(value['hash'], 'hash'), endpoints: endpoints.map(endpointOf) };
      return { kind: 'endpoints', endpoints: read };
    }
    case 'view':
      return {
        kind: 'view',
        view: { ...placeOf(value), hash: textOf(value['hash'], 'hash'), endpoints: Number(value['endpoints']) || 0 },
      };
    case 'registrations': {
      const { withdrawn, listed = [] } = value;
      return { kind: 'registrations', withdrawn: namesOf(withdrawn, 'withdrawn'), listed: namesOf(listed, 'listed') };
    }
    default:
      return { kind: 'ask', ...placeOf(value) };
  }
}

function namesOf(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value) || value.length > MOST_NAMES) throw new Error(`${what} is no list that can be meant`);
  return value.map((name) => textOf(name, what));
}

const KNOWN: ReadonlySet<string> = new Set(['hello', 'target', 'gone', 'endpoints', 'view', 'registrations', 'ask']);

function endpointOf(value: unknown): ViewEndpoint {
  const { address, port, weight, healthy, zone, protocol } = objectOf(value, 'an endpoint');
  return {
    address: textOf(address, 'address'),
    port: portOf(port),
    weight: typeof weight === 'number' && weight >= 0 ? weight : 1,
    healthy: healthy !== false,
    zone: typeof zone === 'string' ? zone : '',
    protocol: typeof protocol === 'string' ? protocol : '',
  };
}

function placeOf({ host, port }: Readonly<Record<string, unknown>>): { readonly host: string; readonly port: number } {
  return { host: textOf(host, 'host').toLowerCase(), port: portOf(port) };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${what} is no object`);
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value.length <= 300) return value;
  throw new Error(`${what} is no short text`);
}

function portOf(value: unknown): number {
  if (Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536) return value as number;
  throw new Error('port is no port');
}

function within(value: unknown, least: number, most: number, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
}
