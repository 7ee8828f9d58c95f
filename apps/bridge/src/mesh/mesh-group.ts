import { hostMatches, runInSlices } from '@isthmus/model';
import type { Diagnostic, ListenerPlace, MeshHost, MeshService, TypeUrl } from '@isthmus/model';
import { passesEverything } from '@isthmus/policy';
import type { ScopeDirt } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  ROUTE_TYPE,
  meshClusters,
  sidecarListenerKeys,
  sidecarListeners,
} from '@isthmus/translate';
import type { MeshOptions, Proxy, ProxyScope } from '@isthmus/translate';
import { SnapshotStore } from '@isthmus/xds';
import type { ResourceChange } from '@isthmus/xds';
import type { ConsumerPolicies } from './consumer-policies.ts';
import { GatewayEdge } from './gateway-edge.ts';
import { GrpcTargets } from './grpc-targets.ts';
import { GroupRoutes } from './group-routes.ts';
import type { RulesGate } from './rules-gate.ts';
import { destinationHosts } from './rules-by-host.ts';
import type { Translations } from './translations.ts';

export type GroupDirt = Pick<
  ScopeDirt<Proxy, MeshOptions>,
  'all' | 'hosts' | 'virtualServices' | 'listeners' | 'gateways' | 'inbound'
>;

type Rule = IstioObject<'VirtualService'>;

const NO_NAMES: readonly string[] = [];

/** A new group's routes are composed in slices so many times, while rules change. */
const MOST_ROUNDS = 3;

/**
 * What a class of proxies is served, but for what is one node's own. A change first adds and changes, `compose` then moves
 * listeners and routes and takes away what nothing names any more: in one commit, so that each stream can put them in
 * order (make before break).
 */
export class MeshGroup {
  readonly store = new SnapshotStore([CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE]);
  readonly scope: ProxyScope;
  readonly #translations: Translations;
  readonly #consumers: ConsumerPolicies;
  readonly #routes: GroupRoutes;
  readonly #grpc: GrpcTargets;
  readonly #edge: GatewayEdge;
  /** By host: the names of its clusters and of its ClusterLoadAssignments. */
  readonly #clusters = new Map<MeshHost, readonly string[]>();
  readonly #endpoints = new Map<MeshHost, readonly string[]>();
  /** By place: the names of its listeners. */
  readonly #listeners = new Map<ListenerPlace, readonly string[]>();
  readonly #dirtyPlaces = new Set<ListenerPlace>();
  /** What no host has any more: taken away with the next routes. */
  readonly #left = noneLeft();
  /** … and with those that are being composed, unless it comes back meanwhile. */
  readonly #leaving = noneLeft();
  #changes: ResourceChange[] = [];
  #filled: Promise<void> | undefined;

  constructor(scope: ProxyScope, translations: Translations, consumers: ConsumerPolicies) {
    this.scope = scope;
    this.#consumers = consumers;
    this.#translations = translations;
    this.#routes = new GroupRoutes(scope);
    this.#grpc = new GrpcTargets(scope);
    this.#edge = new GatewayEdge(scope);
  }

  /** Set while a new group is being filled: nobody is served from it before. */
  get filled(): Promise<void> | undefined {
    return this.#filled;
  }

  /** Everything that there is by now, without holding the event loop; changes may come meanwhile, rules too. */
  fillInSlices(gate: RulesGate): void {
    this.#filled = this.#fillAndCompose(gate).then(() => {
      this.#filled = undefined;
      this.commit();
    });
  }

  async #fillAndCompose(gate: RulesGate): Promise<void> {
    await runInSlices(this.fill());
    for (let round = 1; ; round += 1) {
      await gate.opened;
      const { revision } = gate;
      // Who is passed by rules again and again puts the rest together in one turn.
      if (round > MOST_ROUNDS) for (const _ of this.compose());
      else await runInSlices(this.compose());
      // Put together while rules came: some of it is of before, some of after. What is dirty by now is made again.
      if (gate.revision === revision) return;
    }
  }

  /** Everything anew, in steps. */
  *fill(): Generator<void> {
    const { proxy } = this.scope;
    const gone = new Set([...this.#clusters.keys(), ...this.#endpoints.keys()]);
    if (proxy.interception !== 'explicit' || proxy.kind === 'router') {
      for (const resource of meshClusters(proxy, this.scope.mesh))
        this.#changes.push({ type: CLUSTER_TYPE, name: resource.name, resource });
    }
    yield* this.#routes.reset();
    this.#edge.reset();
    const hosts = new Set([...this.#routes.hosts(), ...this.#edge.hosts()]); // what rules send to is seen although nobody imported it
    for (const egress of this.scope.egress) for (const { host } of egress.services()) hosts.add(host); // before the first pause
    for (const host of new Set([...hosts, ...gone])) {
      this.#host(host);
      yield;
    }
    for (const place of this.#listeners.keys()) this.#dirtyPlaces.add(place);
    for (const key of sidecarListenerKeys(this.scope)) if (key !== 'fixed' && key !== 'inbound') this.#dirtyPlaces.add(key);
    yield;
  }

  *take(dirt: GroupDirt): Generator<void> {
    if (dirt.all) return yield* this.fill();
    if (dirt.inbound) this.#edge.reset(); // a router's own service may map its ports anew
    for (const host of dirt.hosts) {
      this.#host(host);
      this.#routes.service(host);
      this.#edge.service(host);
      for (const rule of this.#routes.rulesOf(host)) this.#grpc.rule(rule);
      yield;
    }
    for (const rule of dirt.virtualServices) {
      this.#routes.rule(rule);
      this.#edge.rule(rule);
      this.#grpc.rule(rule);
      yield;
    }
    if (!this.#consumers.isEmpty) for (const rule of dirt.virtualServices) this.#destinations(rule);
    if (dirt.gateways) this.#edge.listeners();
    for (const place of dirt.listeners) this.#dirtyPlaces.add(place);
  }

  /** Plans leave something else to those who call the host. */
  *handOver(host: MeshHost): Generator<void> {
    this.#host(host);
    for (const rule of this.#routes.rulesOf(host)) this.#destinations(rule);
    yield;
    this.#routes.service(host);
  }

  /** Its instances changed, and nothing else of it. */
  instances(host: MeshHost): void {
    if (!this.#clusters.has(host) && !this.#endpoints.has(host)) return;
    const service = this.scope.service(host);
    this.#setEndpoints(host, service, service && this.scope.destinationRule(host));
  }

  /** New and changed clusters and endpoints. */
  commit(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.store.commit(changes);
  }

  /** Listeners, routes or removals are waiting. */
  get hasRoutes(): boolean {
    return (
      this.#routes.isDirty ||
      this.#grpc.isDirty ||
      this.#edge.isDirty ||
      this.#dirtyPlaces.size > 0 ||
      [...this.#left.values()].some(({ size }) => size > 0)
    );
  }

  /** What of the rules cannot be served to this group. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#edge.diagnostics;
  }

  *compose(): Generator<void> {
    for (const [type, names] of this.#left) {
      for (const name of names) this.#leaving.get(type)?.add(name);
      names.clear();
    }
    const routes = [...(yield* this.#routes.compose()), ...(yield* this.#grpc.changes()), ...(yield* this.#edge.changes())];
    const listeners = yield* this.#composeListeners();
    const removals = [...this.#leaving].flatMap(([type, names]) =>
      [...names].map((name) => ({ type, name, resource: undefined })),
    );
    for (const names of this.#leaving.values()) names.clear();
    for (const change of [...listeners, ...routes, ...removals]) this.#changes.push(change);
  }

  *#composeListeners(): Generator<void, readonly ResourceChange[]> {
    const gone = new Set<string>();
    const made = new Map<string, ResourceChange>();
    for (const place of this.#dirtyPlaces) {
      this.#dirtyPlaces.delete(place);
      if (this.scope.proxy.grpc || this.scope.proxy.kind === 'router') continue;
      const resources = sidecarListeners(this.scope, place);
      for (const name of this.#listeners.get(place) ?? NO_NAMES) gone.add(name);
      for (const resource of resources) made.set(resource.name, { type: LISTENER_TYPE, name: resource.name, resource });
      if (resources.length === 0) this.#listeners.delete(place);
      else
        this.#listeners.set(
          place,
          resources.map(({ name }) => name),
        );
      yield;
    }
    // With another Sidecar a listener may have moved from one place to another.
    const left = [...gone].filter((name) => !made.has(name));
    return [...left.map((name) => ({ type: LISTENER_TYPE, name, resource: undefined })), ...made.values()];
  }

  #destinations(rule: Rule): void {
    for (const host of destinationHosts(rule)) this.#host(host as MeshHost);
  }

  #further(host: MeshHost): Parameters<Translations['clusters']>[3] {
    return { passesTls: this.scope.gateways.some(passesEverything), bare: this.#isCalledBare(host) };
  }

  /** Whether somebody's process breaks the circuits of a call that ends here: of one to the host, or to another that a rule sends on. */
  #isCalledBare(host: MeshHost): boolean {
    const { proxy } = this.scope;
    if (this.#consumers.isEmpty || proxy.kind === 'router' || proxy.grpc) return false;
    const leaves = (called: string): boolean => this.#consumers.leaves(proxy.consumer, called);
    if (leaves(host)) return true;
    for (const rule of this.#routes.rulesOf(host)) {
      if (!destinationHosts(rule).includes(host)) continue;
      for (const called of this.#consumers.hosts())
        if (leaves(called) && rule.spec.hosts.some((pattern) => hostMatches(called, pattern))) return true;
    }
    return false;
  }

  #host(host: MeshHost): void {
    const service = this.scope.service(host);
    const rule = service && this.scope.destinationRule(host);
    const clusters =
      service === undefined ? [] : this.#translations.clusters(service, rule, this.scope.proxy, this.#further(host));
    this.#replace(CLUSTER_TYPE, host, this.#clusters, clusters);
    this.#setEndpoints(host, service, rule);
    this.#grpc.service(host, service);
  }

  #setEndpoints(host: MeshHost, service: MeshService | undefined, rule: IstioObject<'DestinationRule'> | undefined): void {
    const endpoints =
      service === undefined ? [] : this.#translations.endpoints(service, rule, this.scope.proxy, this.#further(host));
    this.#replace(ENDPOINT_TYPE, host, this.#endpoints, endpoints);
  }

  #replace(
    type: TypeUrl,
    host: MeshHost,
    known: Map<MeshHost, readonly string[]>,
    resources: readonly { readonly name: string; readonly version: string; readonly bytes: Uint8Array }[],
  ): void {
    const before = known.get(host) ?? NO_NAMES;
    if (before.length !== resources.length || resources.some(({ name }, n) => name !== before[n])) {
      const names = resources.map(({ name }) => name);
      for (const name of before) this.#left.get(type)?.add(name);
      // It may have gone and come back before the routes were composed, or while they are.
      for (const name of names) for (const gone of [this.#left, this.#leaving]) gone.get(type)?.delete(name);
      if (names.length === 0) known.delete(host);
      else known.set(host, names);
    }
    for (const resource of resources) this.#changes.push({ type, name: resource.name, resource });
  }
}

function noneLeft(): ReadonlyMap<TypeUrl, Set<string>> {
  return new Map([CLUSTER_TYPE, ENDPOINT_TYPE].map((type) => [type, new Set()]));
}
