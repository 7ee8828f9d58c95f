import type { IstioObject } from '@isthmus/proto/istio';
import type { ProxyScope } from '../scope.ts';
import { gatewayRules } from './gateway-route.ts';
import type { GatewayRules, RouteServer, RulesOf } from './gateway-route.ts';

type Rule = IstioObject<'VirtualService'>;

/**
 * The encoded routes of a router's rules, kept between two translations of its routes: of a thousand rules only the one that changed
 * is encoded. A rule that changed is another object; when a service or a DestinationRule changes, the rules that send to it are dropped.
 */
export class GatewayRuleCache {
  readonly #scope: ProxyScope;
  #kept = new WeakMap<Rule, Map<string, GatewayRules>>();

  constructor(scope: ProxyScope) {
    this.#scope = scope;
  }

  readonly rulesOf: RulesOf = (server, rule) => {
    let byServer = this.#kept.get(rule);
    if (byServer === undefined) this.#kept.set(rule, (byServer = new Map<string, GatewayRules>()));
    const key = serverKey(server);
    let rules = byServer.get(key);
    if (rules === undefined) byServer.set(key, (rules = gatewayRules(this.#scope, server, rule)));
    return rules;
  };

  drop(rule: Rule): void {
    this.#kept.delete(rule);
  }

  clear(): void {
    this.#kept = new WeakMap();
  }
}

/** What of a server its rules' routes depend on. */
function serverKey({ gateway, port, tls }: RouteServer): string {
  return `${gateway} ${port} ${tls}`;
}
