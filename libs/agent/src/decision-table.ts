import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { positionOf, saltOf } from '@isthmus/ladder';
import type { Policy, Position, Rung } from '@isthmus/ladder';
import { ArmCounts } from './control/arm-counts.ts';
import type { TargetCounts } from './control/arm-counts.ts';
import type { Balancer } from './views/balancer.ts';
import { stickyOf } from './sticky.ts';
import type { Sticky } from './sticky.ts';

export type Decision =
  | {
      readonly kind: 'sdk';
      /** Where the call is counted; absent for what is no call to a target. */
      readonly counts?: ArmCounts;
    }
  | {
      /** An instance of the mesh's view, which the seam has picked by `balancer` for each call. */
      readonly kind: 'instance';
      readonly rung: 'discovery';
      readonly authority: string;
      readonly balancer: Balancer;
      readonly counts?: ArmCounts;
    }
  | {
      readonly kind: 'sidecar';
      readonly rung: Rung;
      /** What the call names: `orders.default-group.public.nacos:80`. */
      readonly authority: string;
      /** At `resilience`: what the sidecar does; all of it by default. */
      readonly hand?: readonly Policy[];
      /** Headers that tell the sidecar what the process keeps for this call (docs/adr/0023-who-owns-a-call.md). */
      readonly marks?: readonly (readonly [string, string])[];
      /** The sidecar originates TLS for it: calls by HTTPS go there in plain HTTP. */
      readonly originatesTls?: boolean;
      readonly counts?: ArmCounts;
    };

export const SDK: Decision = Object.freeze({ kind: 'sdk' });

/** What a step of a plan says of a target: all that differs between two tables with the same names and addresses. */
interface Planned {
  readonly originatesTls: boolean;
  readonly desired: Position;
  readonly sticky: Sticky;
  /** What the sidecar gives a call, ms. */
  readonly timeoutMs: number | undefined;
}

/** One target of the plan in force. `inShare`, `rest` and `percent` change when its effective rung does. */
export interface TargetEntry extends Planned {
  readonly kind: 'target';
  /** `host:port` */
  readonly authority: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly sdkNames: readonly string[];
  readonly salt: number;
  readonly counts: TargetCounts;
  calls: number;
  percent: number;
  inShare: Decision;
  rest: Decision;
}

/** An address that several targets claim: nobody can tell whose call it is. */
export interface AmbiguousEntry {
  readonly kind: 'ambiguous';
  readonly address: string;
  readonly claimedBy: readonly string[];
}

export type TableEntry = TargetEntry | AmbiguousEntry;

/**
 * Where an address has one port that targets claim, as instances have, `port` and `entry`; all instances of a target share it: a map
 * for each would be 200 bytes an instance. `ports` where there are several.
 */
interface PortsOfHost {
  readonly port: number;
  readonly entry: TableEntry;
  readonly ports: Map<number, TableEntry> | undefined;
}

/** What is looked up for each call: by host and then by port, so that no key is put together for it. */
export interface DecisionTable {
  readonly version: string;
  readonly targets: readonly TargetEntry[];
  readonly byHost: ReadonlyMap<string, PortsOfHost>;
  /** By mesh host, with and without port, and by what SDKs call it; undefined for a name that two targets have. */
  readonly byName: ReadonlyMap<string, TargetEntry | undefined>;
}

export const EMPTY_TABLE: DecisionTable = { version: '', targets: [], byHost: new Map(), byName: new Map() };

/**
 * Targets at `sdk` claim their addresses too: one that they share with another target is as ambiguous.
 * @param before the table in force: its counts go on, and where no name and no address is another, as at each step of a plan, its entries
 * are kept and only told their new positions
 */
export function tableOf(plan: AgentPlan, before: DecisionTable = EMPTY_TABLE): DecisionTable {
  if (plan.targets.length === before.targets.length && plan.targets.every((one, at) => isSame(one, before.targets[at]))) {
    plan.targets.forEach((one, at) => void Object.assign(before.targets[at] as TargetEntry, plannedOf(one)));
    return { ...before, version: plan.version };
  }
  const held = new Map(before.targets.map((target) => [target.authority, target]));
  const byHost = new Map<string, PortsOfHost>();
  const byName = new Map<string, TargetEntry | undefined>();
  const targets = plan.targets.map((planned) => {
    const { host, addresses, sdkNames = [] } = planned;
    const authority = authorityOf(planned);
    const known = held.get(authority);
    const target: TargetEntry = {
      kind: 'target',
      authority,
      host: host.toLowerCase(),
      addresses,
      sdkNames,
      ...plannedOf(planned),
      salt: saltOf(authority),
      calls: known?.calls ?? 0,
      counts: known?.counts ?? { sdk: new ArmCounts(), mesh: new ArmCounts(), byInstance: 0 },
      percent: 100,
      inShare: SDK,
      rest: SDK,
    };
    // Its own name too: it is how a service without instances, as at `retired`, is called.
    claim(byHost, authority, target, undefined);
    let like: PortsOfHost | undefined;
    for (const address of addresses) like = claim(byHost, address, target, like);
    for (const name of [host, authority, ...sdkNames]) byName.set(name, byName.has(name) ? undefined : target);
    return target;
  });
  return { version: plan.version, targets, byHost, byName };
}

function plannedOf({ rung, percent, hand, stickyBy, timeoutMs, originatesTls = false }: AgentTarget): Planned {
  return { desired: positionOf(rung, percent, hand), sticky: stickyOf(stickyBy), timeoutMs, originatesTls };
}

function authorityOf({ host, port = 80 }: AgentTarget): string {
  return `${host}:${port}`;
}

function isSame(planned: AgentTarget, entry: TargetEntry | undefined): boolean {
  return (
    entry !== undefined &&
    authorityOf(planned) === entry.authority &&
    areSame(planned.addresses, entry.addresses) &&
    areSame(planned.sdkNames ?? [], entry.sdkNames)
  );
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some === others || (some.length === others.length && some.every((one, at) => one === others[at]));
}

/** @param like of an instance of the target, if it has one already. @returns what its other instances may share */
function claim(
  byHost: Map<string, PortsOfHost>,
  address: string,
  target: TargetEntry,
  like: PortsOfHost | undefined,
): PortsOfHost | undefined {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '').toLowerCase(); // prettier-ignore
  const port = Number(address.slice(colon + 1));
  const ofHost = byHost.get(host);
  if (ofHost === undefined) {
    const only = like?.port === port ? like : { port, entry: target, ports: undefined };
    byHost.set(host, only);
    return only;
  }
  const ports = ofHost.ports ?? new Map([[ofHost.port, ofHost.entry]]);
  const held = ports.get(port);
  if (held === target) return like;
  ports.set(port, held === undefined ? target : bothOf(held, address, target));
  // Never what others may share.
  if (ofHost.ports === undefined) byHost.set(host, { port, entry: target, ports });
  return like;
}

function bothOf(held: TableEntry, address: string, target: TargetEntry): AmbiguousEntry {
  const before = held.kind === 'target' ? [held.authority] : held.claimedBy;
  if (held.kind === 'ambiguous' && before.includes(target.authority)) return held;
  return { kind: 'ambiguous', address, claimedBy: [...before, target.authority] };
}

export function find(table: DecisionTable, host: string, port: number): TableEntry | undefined {
  const ofHost = table.byHost.get(host);
  if (ofHost === undefined) return undefined;
  if (ofHost.ports !== undefined) return ofHost.ports.get(port);
  return ofHost.port === port ? ofHost.entry : undefined;
}

/** @param name see `Decider.place` */
export function findByName(table: DecisionTable, name: string): TargetEntry | undefined {
  const named = table.byName.get(name);
  if (named !== undefined) return named;
  const [, address = '', port = '80'] = /^(?:http:\/\/)?(\[[0-9a-f:.]+\]|[^/:\s[\]]+)(?::(\d{1,5}))?(?:\/|$)/i.exec(name) ?? [];
  const host = address.replace(/^\[|\]$/g, '').toLowerCase(); // prettier-ignore
  const entry = table.byName.get(`${host}:${port}`) ?? find(table, host, Number(port));
  return entry?.kind === 'target' ? entry : undefined;
}
