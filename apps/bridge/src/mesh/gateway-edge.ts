import type { Diagnostic, MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import {
  LISTENER_TYPE,
  ROUTE_TYPE,
  gatewayDiagnostics,
  gatewayListeners,
  gatewayRouteSteps,
  gatewayRules,
  mergeGateways,
} from '@isthmus/translate';
import type { GatewayRules, MergedGateways, ProxyScope, RouteServer } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';
import { ruleKey, rulesByKey } from './rule-keys.ts';
import { RulesByHost } from './rules-by-host.ts';

type Rule = IstioObject<'VirtualService'>;

const NOTHING: MergedGateways = { ports: [], routes: new Map(), diagnostics: [] };

/**
 * Listeners and routes of a group of routers, as their Gateways say. The routes of one VirtualService at one gateway are
 * encoded once, and again when it or what it sends to changes. Does nothing for other proxies.
 */
export class GatewayEdge {
  readonly #scope: ProxyScope;
  #merged = NOTHING;
  readonly #rules = new RulesByHost();
  /** By server and rule: what a change of the rule, or of a service that it names, makes void. */
  readonly #encoded = new Map<string, Map<string, GatewayRules>>();
  readonly #dirtyRoutes = new Set<string>();
  #listenersDirty = false;
  #listeners: readonly string[] = [];

  constructor(scope: ProxyScope) {
    this.#scope = scope;
  }

  get isDirty(): boolean {
    return this.#listenersDirty || this.#dirtyRoutes.size > 0;
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#scope.proxy.kind === 'router' ? [...this.#merged.diagnostics, ...gatewayDiagnostics(this.#scope)] : [];
  }

  /** What the rules name, and where they send to. */
  hosts(): Iterable<MeshHost> {
    return this.#rules.hosts();
  }

  /** Other Gateways apply, or the group is new; in steps. */
  *reset(): Generator<void> {
    if (this.#scope.proxy.kind !== 'router') return;
    for (const name of this.#merged.routes.keys()) this.#dirtyRoutes.add(name);
    this.#merged = mergeGateways(this.#scope.gateways, this.#scope.own);
    for (const name of this.#merged.routes.keys()) this.#dirtyRoutes.add(name);
    this.#encoded.clear();
    this.#rules.clear();
    this.#listenersDirty = true;
    const merged = this.#merged;
    for (const gateway of new Set([...merged.routes.values()].flat().map((server) => server.gateway))) {
      for (const key of rulesByKey(this.#scope.virtualServicesOf(gateway)).keys()) {
        // As it is by now: it may have changed since the step before, and one that has gone from here may be at another gateway.
        const rule = rulesByKey(this.#scope.virtualServicesOf(gateway)).get(key);
        if (rule !== undefined) this.#rules.set(key, rule);
        yield;
        if (this.#merged !== merged) return; // it begins anew
      }
    }
  }

  /** A service whose ports or DestinationRule changed: the rules that send to it. */
  service(host: MeshHost): void {
    for (const rule of this.#rules.rulesOf(host)) this.#void(rule);
  }

  /** A VirtualService, as it was or as it is. */
  rule(rule: Rule): void {
    const key = ruleKey(rule);
    const lists = rule.spec.gateways.map((gateway) => rulesByKey(this.#scope.virtualServicesOf(gateway)));
    this.#rules.set(key, lists.find((list) => list.has(key))?.get(key));
    this.#void(rule);
  }

  /** Connections are routed otherwise. */
  listeners(): void {
    this.#listenersDirty = true;
  }

  /** What changed since the last call. */
  *changes(): Generator<void, readonly ResourceChange[]> {
    const routes: ResourceChange[] = [];
    for (const name of this.#dirtyRoutes) {
      this.#dirtyRoutes.delete(name);
      const servers = this.#merged.routes.get(name);
      const rulesOf = (server: RouteServer, rule: Rule): GatewayRules => this.#once(server, rule);
      const resource = servers && (yield* gatewayRouteSteps(this.#scope, name, servers, rulesOf));
      routes.push({ type: ROUTE_TYPE, name, resource });
    }
    return [...this.#composeListeners(), ...routes];
  }

  #composeListeners(): readonly ResourceChange[] {
    if (!this.#listenersDirty) return [];
    this.#listenersDirty = false;
    const resources = gatewayListeners(this.#scope, this.#merged);
    const names = new Set(resources.map(({ name }) => name));
    const gone = this.#listeners.filter((name) => !names.has(name));
    this.#listeners = [...names];
    return [
      ...gone.map((name) => ({ type: LISTENER_TYPE, name, resource: undefined })),
      ...resources.map((resource) => ({ type: LISTENER_TYPE, name: resource.name, resource })),
    ];
  }

  #void(rule: Rule): void {
    this.#encoded.delete(ruleKey(rule));
    for (const [name, servers] of this.#merged.routes) {
      if (servers.some(({ gateway }) => rule.spec.gateways.includes(gateway))) this.#dirtyRoutes.add(name);
    }
  }

  #once(server: RouteServer, rule: Rule): GatewayRules {
    let made = this.#encoded.get(ruleKey(rule));
    if (made === undefined) this.#encoded.set(ruleKey(rule), (made = new Map()));
    const key = `${server.gateway} ${server.port} ${server.tls}`;
    let encoded = made.get(key);
    if (encoded === undefined) made.set(key, (encoded = gatewayRules(this.#scope, server, rule)));
    return encoded;
  }
}
