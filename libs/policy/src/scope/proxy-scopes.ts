import { hostMatches, isWildcardHost, listenerPlaces } from '@isthmus/model';
import type { ListenerPlace, MeshHost, MeshService } from '@isthmus/model';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import { ruleHost } from '../destination-rules/rule-host.ts';
import { gatewaysFor, passesEverything } from '../gateways.ts';
import { inSidecarOrder, sidecarFor } from '../sidecars.ts';
import { destinationsOf } from './destinations.ts';
import { Dirt } from './dirt.ts';
import type { ScopeDirt } from './dirt.ts';
import type { RuleIndex, ScopeMesh, ScopedProxy, ServiceIndex } from './inputs.ts';
import { changedAddresses, sameListenerFacts } from './listener-facts.ts';
import { Scope } from './proxy-scope.ts';
import type { Choice } from './proxy-scope.ts';
import { VisibleServices } from './visible-services.ts';

/** One object as it was and as it is; VirtualServices as `RuleIndex` gives them: delegates merged, names long. */
export interface ObjectChange<K extends IstioKind = IstioKind> {
  readonly before: IstioObject<K> | undefined;
  readonly after: IstioObject<K> | undefined;
}

/**
 * The scopes of all groups of proxies, and which of their keys a change makes dirty. Tell it of every change after the
 * catalog and the rule index have it: it reads both.
 */
export class ProxyScopes<P extends ScopedProxy, M extends ScopeMesh> {
  readonly #mesh: M;
  readonly #catalog: ServiceIndex;
  readonly #rules: RuleIndex;
  readonly #services = new VisibleServices();
  readonly #scopes = new Set<Scope<P, M>>();
  readonly #byAddress = new Map<string, Set<Scope<P, M>>>();
  readonly #gateways = new Map<string, IstioObject<'Gateway'>>();
  #sidecars: readonly IstioObject<'Sidecar'>[] = [];

  constructor(mesh: M, catalog: ServiceIndex, rules: RuleIndex) {
    this.#mesh = mesh;
    this.#catalog = catalog;
    this.#rules = rules;
    for (const service of catalog.all()) this.#services.set(service.host, service, false);
  }

  /** A scope that stays up to date until it is released; one for each group. */
  scopeFor(proxy: P): Scope<P, M> {
    const sources = { catalog: this.#catalog, services: this.#services, rules: this.#rules };
    const scope = new Scope(proxy, this.#mesh, this.#choiceFor(proxy), sources);
    this.#scopes.add(scope);
    for (const address of proxy.addresses) {
      this.#byAddress.set(address, (this.#byAddress.get(address) ?? new Set()).add(scope));
    }
    return scope;
  }

  /** When the last proxy of the group has gone. */
  release(scope: Scope<P, M>): void {
    this.#scopes.delete(scope);
    for (const address of scope.proxy.addresses) {
      const here = this.#byAddress.get(address);
      here?.delete(scope);
      if (here?.size === 0) this.#byAddress.delete(address);
    }
  }

  /** Hosts that the catalog has merged anew. A change of instances alone, which EDS tells, makes nothing dirty but their own proxies. */
  onServices(hosts: Iterable<MeshHost>): readonly ScopeDirt<P, M>[] {
    const dirt = new Dirt<P, M>();
    for (const host of hosts) {
      const after = this.#catalog.get(host);
      const before = this.#services.get(host);
      if (before === after) continue;
      const alike = before !== undefined && after !== undefined && sameListenerFacts(before, after);
      this.#services.set(host, after, alike);
      if (this.#byAddress.size > 0) {
        for (const address of changedAddresses(before, after, alike)) {
          for (const scope of this.#byAddress.get(address) ?? []) dirt.of(scope).inbound = true;
        }
      }
      // Its clusters are as before, unless they list the instances themselves.
      if (alike && after?.resolution === 'static') continue;
      const places = alike ? [] : [before, after].flatMap((service) => (service === undefined ? [] : listenerPlaces(service)));
      for (const scope of this.#scopes) {
        if (!seesEither(scope, before, after)) continue;
        dirt.of(scope).hosts.add(host);
        if (places.length > 0) this.#touchListeners(scope, host, places, dirt);
        if (scope.sidecar?.spec.outboundTrafficPolicy?.egressProxy?.host === host) dirt.of(scope).all = true;
      }
    }
    return dirt.list();
  }

  /** In steps, each for one of them. */
  *onObjects(changes: readonly ObjectChange[]): Generator<void, readonly ScopeDirt<P, M>[]> {
    const dirt = new Dirt<P, M>();
    this.#choose(changes, dirt);
    for (const { before, after } of changes) {
      yield;
      for (const object of [before, after]) {
        if (object?.kind === 'VirtualService') this.#onVirtualService(object as IstioObject<'VirtualService'>, dirt);
        if (object?.kind === 'DestinationRule') this.#onDestinationRule(object as IstioObject<'DestinationRule'>, dirt);
      }
    }
    return dirt.list();
  }

  #choose(changes: readonly ObjectChange[], dirt: Dirt<P, M>): void {
    const kinds = new Set(changes.map(({ before, after }) => (before ?? after)?.kind));
    if (!kinds.has('Sidecar') && !kinds.has('Gateway')) return;
    const sidecars = new Map(this.#sidecars.map((object) => [keyOf(object), object]));
    for (const { before, after } of changes) {
      if (before?.kind === 'Sidecar') sidecars.delete(keyOf(before));
      if (after?.kind === 'Sidecar') sidecars.set(keyOf(after), after as IstioObject<'Sidecar'>);
      if (before?.kind === 'Gateway') this.#gateways.delete(keyOf(before));
      if (after?.kind === 'Gateway') this.#gateways.set(keyOf(after), after as IstioObject<'Gateway'>);
    }
    this.#sidecars = inSidecarOrder(sidecars.values());
    for (const scope of this.#scopes) {
      const choice = this.#choiceFor(scope.proxy);
      if (sameChoice(scope, choice)) continue;
      scope.choose(choice);
      dirt.of(scope).all = true;
    }
  }

  #choiceFor(proxy: P): Choice {
    return {
      sidecar: sidecarFor(proxy, this.#sidecars, this.#mesh.rootNamespace),
      gateways: gatewaysFor(proxy, this.#gateways.values()),
    };
  }

  #onVirtualService(rule: IstioObject<'VirtualService'>, dirt: Dirt<P, M>): void {
    const { spec } = rule;
    const hasConnections = spec.tcp.length > 0 || spec.tls.length > 0;
    for (const scope of this.#scopes) {
      if (!scope.seesRule(rule)) continue;
      const marked = dirt.of(scope);
      marked.virtualServices.add(rule);
      // Destinations are known to the proxy because the rule names them, and so have clusters.
      const destinations = destinationsOf([rule], scope.proxy.namespace);
      for (const host of destinations.keys()) marked.hosts.add(host as MeshHost);
      // So has what it serves itself a DestinationRule.
      if (this.#byAddress.size > 0 && scope.own.some(({ service }) => destinations.has(service.host))) marked.inbound = true;
      if (!hasConnections) continue;
      if (scope.proxy.kind === 'router') marked.gateways = true;
      else this.#touchPlacesOf(scope, rule, dirt);
    }
  }

  #onDestinationRule({ spec, namespace }: IstioObject<'DestinationRule'>, dirt: Dirt<P, M>): void {
    for (const host of this.#matching([ruleHost(spec.host, namespace, this.#mesh.domain)])) {
      // The receivers' side has its connection pool too.
      if (this.#byAddress.size > 0) {
        for (const { endpoint } of this.#catalog.get(host)?.endpoints ?? [])
          for (const scope of this.#byAddress.get(endpoint.address) ?? []) dirt.of(scope).inbound = true;
      }
      for (const scope of this.#scopes) {
        const service = scope.service(host);
        if (service === undefined) continue;
        dirt.of(scope).hosts.add(host);
        this.#touchListeners(scope, host, listenerPlaces(service), dirt);
      }
    }
  }

  /** Its own listeners, and those whose connections rules send to it. */
  #touchListeners(scope: Scope<P, M>, host: MeshHost, places: readonly ListenerPlace[], dirt: Dirt<P, M>): void {
    const rules = scope.connectionsTo(host);
    if (scope.proxy.kind === 'router') {
      if (rules.length > 0 || scope.gateways.some(passesEverything)) dirt.of(scope).gateways = true;
      return;
    }
    for (const place of places) dirt.of(scope).listeners.add(place);
    for (const rule of rules) this.#touchPlacesOf(scope, rule, dirt);
  }

  #touchPlacesOf(scope: Scope<P, M>, { spec }: IstioObject<'VirtualService'>, dirt: Dirt<P, M>): void {
    for (const host of this.#matching(spec.hosts)) {
      const service = scope.service(host);
      for (const place of service === undefined ? [] : listenerPlaces(service)) dirt.of(scope).listeners.add(place);
    }
  }

  *#matching(patterns: readonly string[]): Iterable<MeshHost> {
    for (const pattern of patterns) {
      if (!isWildcardHost(pattern)) yield pattern as MeshHost;
      else for (const host of this.#services.hosts()) if (hostMatches(pattern, host)) yield host;
    }
  }
}

function keyOf(object: IstioObject): string {
  return `${object.namespace}/${object.name}`;
}

function sameChoice(scope: Choice, choice: Choice): boolean {
  return (
    scope.sidecar === choice.sidecar &&
    scope.gateways.length === choice.gateways.length &&
    scope.gateways.every((gateway, n) => gateway === choice.gateways[n])
  );
}

function seesEither<P extends ScopedProxy, M extends ScopeMesh>(
  scope: Scope<P, M>,
  before: MeshService | undefined,
  after: MeshService | undefined,
): boolean {
  return (before !== undefined && scope.sees(before)) || (after !== undefined && scope.sees(after));
}
