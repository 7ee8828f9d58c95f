import { isHttpLike } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import {
  EGRESS_ROUTE,
  ROUTE_TYPE,
  RouteAssembly,
  sidecarRoute,
  sidecarRouteTail,
  virtualHostsOfRule,
  virtualHostsOfService,
} from '@isthmus/translate';
import type { ProxyScope, SidecarRoute } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';
import { ruleKey, rulesByKey } from './rule-keys.ts';
import { RulesByHost } from './rules-by-host.ts';

type Rule = IstioObject<'VirtualService'>;

interface Table {
  readonly route: SidecarRoute;
  readonly assembly: RouteAssembly;
  /** Keys of rules whose virtual hosts may be others than the assembly has. */
  readonly behind: Set<string>;
}

/**
 * The routes of a group of sidecars: `http_proxy` for explicit egress and one for each port on which services speak HTTP.
 * Kept together out of units, a service's virtual hosts or a VirtualService's: a change costs the units that depend on it. Those of
 * VirtualServices are made by `compose`, in steps: the first service on a port is a reason to look at every rule that there is.
 */
export class GroupRoutes {
  readonly #scope: ProxyScope;
  readonly #tables = new Map<string, Table>();
  readonly #rules = new RulesByHost();
  /** Services by the HTTP ports that they have: a route lives as long as somebody speaks HTTP on its port. */
  readonly #portsOf = new Map<MeshHost, readonly string[]>();
  readonly #users = new Map<string, number>();
  readonly #dirty = new Set<string>();
  /** Tables with rules to look at. */
  readonly #behind = new Set<Table>();
  /** All rules are still to come: a route that is new need not be given them. */
  #isFilling = false;

  constructor(scope: ProxyScope) {
    this.#scope = scope;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#behind.size > 0;
  }

  /** From nothing: another Sidecar applies, or the group is new. */
  *reset(): Generator<void> {
    for (const name of this.#tables.keys()) this.#dirty.add(name);
    this.#tables.clear();
    this.#behind.clear();
    this.#rules.clear();
    this.#portsOf.clear();
    this.#users.clear();
    for (const egress of this.#scope.egress) {
      for (const key of rulesByKey(egress.virtualServices()).keys()) {
        this.#rules.set(key, this.#current(key)); // as it is by now: it may have changed since the step before
        yield;
      }
    }
    if (!this.#hasTables) return;
    this.#isFilling = true;
    // It has every service and rule in it once more: who has no explicit door is not served it.
    if (this.#scope.proxy.interception === 'explicit' || this.#scope.proxy.egress !== undefined) this.#use(EGRESS_ROUTE);
    for (const { port, bind } of this.#scope.egress) {
      if (port !== undefined) this.#use(port.number === 0 ? bind : String(port.number));
    }
    for (const egress of this.#scope.egress) {
      for (const service of egress.servicesOfNow()) {
        this.#place(service.host);
        yield;
      }
    }
    this.#isFilling = false;
    for (const key of this.#rules.keys()) {
      this.#lookAtRule(key);
      yield;
    }
  }

  /** Routers have the routes of their Gateways, gRPC clients those that they dial. */
  get #hasTables(): boolean {
    const { kind, grpc } = this.#scope.proxy;
    return kind !== 'router' && !grpc;
  }

  /** What the rules name, and where they send to. */
  hosts(): Iterable<MeshHost> {
    return this.#rules.hosts();
  }

  /** Those that the service is part of. */
  rulesOf(host: MeshHost): Iterable<Rule> {
    return this.#rules.rulesOf(host);
  }

  /** A service that came, went, or whose ports or DestinationRule changed, and the rules that it is part of. */
  service(host: MeshHost): void {
    if (!this.#hasTables) return;
    this.#place(host);
    for (const key of this.#rules.of(host)) this.#lookAtRule(key);
  }

  /** A VirtualService, as it was or as it is. */
  rule(rule: Rule): void {
    if (this.#scope.proxy.kind === 'router') return;
    const key = ruleKey(rule);
    this.#rules.set(key, this.#current(key));
    this.#lookAtRule(key);
    // A wildcard leaves to another rule what that names: such a rule's coming or going changes it.
    for (const other of this.#rules.wildcards) if (other !== key) this.#lookAtRule(other);
  }

  /** What changed since the last call. */
  *compose(): Generator<void, readonly ResourceChange[]> {
    for (const table of this.#behind) {
      for (const key of table.behind) {
        table.behind.delete(key);
        this.#setRule(table, key);
        yield;
      }
      this.#behind.delete(table);
    }
    const changes: ResourceChange[] = [];
    for (const name of this.#dirty) {
      this.#dirty.delete(name);
      const table = this.#tables.get(name);
      if (table === undefined) changes.push({ type: ROUTE_TYPE, name, resource: undefined });
      else {
        const resource = yield* table.assembly.composeSteps(sidecarRouteTail(this.#scope, name));
        changes.push({ type: ROUTE_TYPE, name, resource });
      }
    }
    return changes;
  }

  #place(host: MeshHost): void {
    const before = this.#portsOf.get(host) ?? [];
    const seen = this.#scope.egress.flatMap((egress) => egress.service(host) ?? []);
    const after = this.#scope.proxy.interception === 'explicit' ? [] : httpPorts(seen);
    for (const name of after) if (!before.includes(name)) this.#use(name);
    if (after.length === 0) this.#portsOf.delete(host);
    else this.#portsOf.set(host, after);
    for (const table of this.#tables.values()) {
      const service = table.route.egress.service(host);
      const hosts = service === undefined ? [] : virtualHostsOfService(this.#scope, table.route, service);
      if (table.assembly.set(`service ${host}`, hosts)) this.#dirty.add(table.route.name);
    }
    for (const name of before) if (!after.includes(name)) this.#drop(name);
  }

  #current(key: string): Rule | undefined {
    for (const egress of this.#scope.egress) {
      const found = rulesByKey(egress.virtualServices()).get(key);
      if (found !== undefined) return found;
    }
  }

  /** Once more, before routes are put together. */
  #lookAtRule(key: string): void {
    for (const table of this.#tables.values()) this.#lookAtRuleIn(table, key);
  }

  #lookAtRuleIn(table: Table, key: string): void {
    table.behind.add(key);
    this.#behind.add(table);
  }

  #setRule(table: Table, key: string): void {
    const rule = rulesByKey(table.route.egress.virtualServices()).get(key);
    const hosts = rule === undefined ? [] : virtualHostsOfRule(this.#scope, table.route, rule);
    if (table.assembly.set(`rule ${key}`, hosts)) this.#dirty.add(table.route.name);
  }

  #use(name: string): void {
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    if (this.#tables.has(name)) return;
    const route = sidecarRoute(this.#scope, name);
    if (route === undefined) return;
    const table = { route, assembly: new RouteAssembly(name), behind: new Set<string>() };
    this.#tables.set(name, table);
    this.#dirty.add(name);
    // The first on its port: rules may have been waiting for a service there.
    if (!this.#isFilling) for (const key of this.#rules.keys()) this.#lookAtRuleIn(table, key);
  }

  #drop(name: string): void {
    const users = (this.#users.get(name) ?? 0) - 1;
    if (users > 0) this.#users.set(name, users);
    else {
      this.#users.delete(name);
      const table = this.#tables.get(name);
      if (table !== undefined) this.#behind.delete(table);
      this.#tables.delete(name);
      this.#dirty.add(name);
    }
  }
}

function httpPorts(services: readonly MeshService[]): readonly string[] {
  const ports = services.flatMap((service) => service.ports.filter(({ protocol }) => isHttpLike(protocol)));
  return [...new Set(ports.map(({ number }) => String(number)))];
}
