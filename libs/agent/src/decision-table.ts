import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { AT_SDK, positionOf, saltOf } from '@isthmus/ladder';
import type { Policy, Position, Rung } from '@isthmus/ladder';
import { AddressIndex, ipv4Of, portOf } from './address-index.ts';
import { lowerCase } from './lower-case.ts';
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

/** Of one target, in the order of the plan: its rows of the index, or as texts where one of them is no IPv4 address. */
export type Addresses = { readonly from: number; readonly to: number } | readonly string[];

/** One target of the plan in force. `inShare`, `rest` and `percent` change when its effective rung does. */
export interface TargetEntry extends Planned {
  readonly kind: 'target';
  /** `host:port` */
  readonly authority: string;
  readonly host: string;
  readonly addresses: Addresses;
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

/** Most hosts have one port that is claimed: a map for each would be 190 bytes. */
interface PortOfHost {
  readonly port: number;
  entry: TableEntry;
  readonly next: PortOfHost | undefined;
}

/** What is looked up for each call: by address and port, or by host and then by port, so that no key is put together for it. */
export interface DecisionTable {
  readonly version: string;
  readonly targets: readonly TargetEntry[];
  readonly byAddress: AddressIndex<TableEntry>;
  /** What is no IPv4 address. */
  readonly byHost: ReadonlyMap<string, PortOfHost>;
  /** By mesh host, with and without port, and by what SDKs call it; undefined for a name that two targets have. */
  readonly byName: ReadonlyMap<string, TargetEntry | undefined>;
}

export const EMPTY_TABLE: DecisionTable = {
  version: '',
  targets: [],
  byAddress: new AddressIndex(0),
  byHost: new Map(),
  byName: new Map(),
};

/**
 * Targets at `sdk` claim their addresses too: one that they share with another target is as ambiguous.
 * @param before the table in force: its counts go on, and where no name and no address is another, as at each step of a plan, its entries
 * are kept and only told their new positions
 */
export function tableOf(plan: AgentPlan, before: DecisionTable = EMPTY_TABLE): DecisionTable {
  if (plan.targets.length === before.targets.length && plan.targets.every((one, at) => isSame(one, before, at))) {
    plan.targets.forEach((one, at) => void Object.assign(before.targets[at] as TargetEntry, plannedOf(one)));
    return { ...before, version: plan.version };
  }
  const held = new Map(before.targets.map((target) => [target.authority, target]));
  const byAddress = new AddressIndex<TableEntry>(plan.targets.reduce((sum, one) => sum + one.addresses.length + 1, 0));
  const byHost = new Map<string, PortOfHost>();
  const byName = new Map<string, TargetEntry | undefined>();
  const targets = plan.targets.map((planned) => {
    const { host, addresses, sdkNames = NONE } = planned;
    const authority = authorityOf(planned);
    const known = held.get(authority);
    const target: TargetEntry = {
      kind: 'target',
      authority,
      host: lowerCase(host),
      // Its own name is claimed before them.
      addresses: rowsOf(addresses, byAddress.rows + (ipv4Of(host) === -1 ? 0 : 1)),
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
    claim(byAddress, byHost, authority, target);
    for (const address of addresses) claim(byAddress, byHost, address, target);
    for (const name of [host, authority, ...sdkNames]) byName.set(name, byName.has(name) ? undefined : target);
    return target;
  });
  return { version: plan.version, targets, byAddress, byHost, byName };
}

/** One for all that have none. */
const NONE: readonly string[] = [];

/** Of 500 targets most are at one position: they share it. */
let lastPosition: Position = AT_SDK;

function sharedPosition(position: Position): Position {
  const { rung, percent, hand } = lastPosition;
  if (position.rung !== rung || position.percent !== percent || !areSame(position.hand, hand)) lastPosition = position;
  return lastPosition;
}

function plannedOf({ rung, percent, hand, stickyBy, timeoutMs, originatesTls = false }: AgentTarget): Planned {
  return { desired: sharedPosition(positionOf(rung, percent, hand)), sticky: stickyOf(stickyBy), timeoutMs, originatesTls };
}

function authorityOf({ host, port = 80 }: AgentTarget): string {
  return `${host}:${port}`;
}

function isSame(planned: AgentTarget, table: DecisionTable, at: number): boolean {
  const entry = table.targets[at];
  return (
    entry !== undefined &&
    authorityOf(planned) === entry.authority &&
    isSaid(planned.addresses, table, entry.addresses) &&
    areSame(planned.sdkNames ?? NONE, entry.sdkNames)
  );
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some === others || (some.length === others.length && some.every((one, at) => one === others[at]));
}

function isSaid(said: readonly string[], { byAddress }: DecisionTable, addresses: Addresses): boolean {
  if (!('from' in addresses)) return areSame(said, addresses);
  const { from, to } = addresses;
  return said.length === to - from && said.every((one, at) => byAddress.isAt(from + at, one));
}

/** As the plan has them. */
export function addressesOf({ byAddress }: DecisionTable, { addresses }: TargetEntry): readonly string[] {
  if (!('from' in addresses)) return addresses;
  const { from, to } = addresses;
  return Array.from({ length: to - from }, (_, at) => byAddress.textOf(from + at));
}

/** @param from the row that the first of them gets */
function rowsOf(addresses: readonly string[], from: number): Addresses {
  const areRows = addresses.every((address) => {
    const colon = address.lastIndexOf(':');
    // Others could not be told as they were said.
    return ipv4Of(address, 0, colon) !== -1 && portOf(address, colon + 1) !== -1;
  });
  return areRows ? { from, to: from + addresses.length } : addresses;
}

function claim(byAddress: AddressIndex<TableEntry>, byHost: Map<string, PortOfHost>, address: string, target: TargetEntry): void {
  const colon = address.lastIndexOf(':');
  if (address === target.authority && ipv4Of(target.host) === -1) {
    claimHost(byHost, target.host, Number(address.slice(colon + 1)), target, (held) => bothOf(held, address, target));
    return;
  }
  const both = (held: TableEntry): TableEntry => bothOf(held, address, target);
  let ipv4 = ipv4Of(address, 0, colon);
  let port = portOf(address, colon + 1);
  if (ipv4 === -1 || port === -1) {
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '').toLowerCase(); // prettier-ignore
    ipv4 = ipv4Of(host);
    port = Number(address.slice(colon + 1));
    if (ipv4 === -1) {
      claimHost(byHost, host, port, target, both);
      return;
    }
  }
  byAddress.claim(ipv4, port, target, both);
}

function claimHost(
  byHost: Map<string, PortOfHost>,
  host: string,
  port: number,
  target: TargetEntry,
  both: (held: TableEntry) => TableEntry,
): void {
  const ports = byHost.get(host);
  const held = atPort(ports, port);
  if (held === undefined) byHost.set(host, { port, entry: target, next: ports });
  else held.entry = both(held.entry);
}

function atPort(ports: PortOfHost | undefined, port: number): PortOfHost | undefined {
  let one = ports;
  while (one !== undefined && one.port !== port) one = one.next;
  return one;
}

function bothOf(held: TableEntry, address: string, target: TargetEntry): TableEntry {
  if (held === target) return target;
  const before = held.kind === 'target' ? [held.authority] : held.claimedBy;
  if (held.kind === 'ambiguous' && before.includes(target.authority)) return held;
  return { kind: 'ambiguous', address, claimedBy: [...before, target.authority] };
}

export function find(table: DecisionTable, host: string, port: number): TableEntry | undefined {
  const ipv4 = ipv4Of(host);
  return ipv4 === -1 ? atPort(table.byHost.get(host), port)?.entry : table.byAddress.find(ipv4, port);
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
