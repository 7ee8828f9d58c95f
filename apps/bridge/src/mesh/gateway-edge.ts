import type { Diagnostic, MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import {
  LISTENER_TYPE,
  ROUTE_TYPE,
  gatewayDiagnostics,
  gatewayListeners,
  gatewayRouteResource,
  gatewayRules,
  mergeGateways,
} from '@isthmus/translate';
import type { GatewayRules, MergedGateways, ProxyScope, RouteServer } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';
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

  /** Other Gateways apply, or the group is new. */
  reset(): void {
    if (this.#scope.proxy.kind !== 'router') return;
    for (const name of this.#merged.routes.keys()) this.#dirtyRoutes.add(name);
    this.#merged = mergeGateways(this.#scope.gateways, this.#scope.own);
    for (const name of this.#merged.routes.keys()) this.#dirtyRoutes.add(name);
    this.#encoded.clear();
    this.#rules.clear();
    for (const { gateway } of [...this.#merged.routes.values()].flat()) {
      for (const rule of this.#scope.virtualServicesOf(gateway)) this.#rules.set(keyOf(rule), rule);
    }
    this.#listenersDirty = true;
  }

  /** A service whose ports or DestinationRule changed: the rules that send to it. */
  service(host: MeshHost): void {
    for (const rule of this.#rules.rulesOf(host)) this.#void(rule);
  }

  /** A VirtualService, as it was or as it is. */
  rule(rule: Rule): void {
    const bound = rule.spec.gateways.flatMap((gateway) => this.#scope.virtualServicesOf(gateway));
    const now = bound.find((one) => keyOf(one) === keyOf(rule));
    this.#rules.set(keyOf(rule), now);
    this.#void(rule);
  }

  /** Connections are routed otherwise. */
  listeners(): void {
    this.#listenersDirty = true;
  }

  changes(): readonly ResourceChange[] {
    if (!this.isDirty) return [];
    const routes = [...this.#dirtyRoutes].map((name) => {
      const servers = this.#merged.routes.get(name);
      const rulesOf = (server: RouteServer, rule: Rule): GatewayRules => this.#once(server, rule);
      const resource = servers && gatewayRouteResource(this.#scope, name, servers, rulesOf);
      return { type: ROUTE_TYPE, name, resource };
    });
    this.#dirtyRoutes.clear();
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
    this.#encoded.delete(keyOf(rule));
    for (const [name, servers] of this.#merged.routes) {
      if (servers.some(({ gateway }) => rule.spec.gateways.includes(gateway))) this.#dirtyRoutes.add(name);
    }
  }

  #once(server: RouteServer, rule: Rule): GatewayRules {
    let made = this.#encoded.get(keyOf(rule));
    if (made === undefined) this.#encoded.set(keyOf(rule), (made = new Map()));
    const key = `${server.gateway} ${server.port} ${server.tls}`;
    let encoded = made.get(key);
    if (encoded === undefined) made.set(key, (encoded = gatewayRules(this.#scope, server, rule)));
    return encoded;
  }
}

function keyOf({ namespace, name }: Rule): string {
  return `${namespace}/${name}`;
}
