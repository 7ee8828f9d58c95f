import { ownTurn, runInSlices } from '@isthmus/model';
import type { Diagnostic, MeshHost, MeshService } from '@isthmus/model';
import { passesEverything } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, meshClusters } from '@isthmus/translate';
import type { ProxyScope } from '@isthmus/translate';
import { SnapshotStore } from '@isthmus/xds';
import { isCalledBare } from './called-bare.ts';
import type { ConsumerPolicies } from './consumer-policies.ts';
import { GatewayEdge } from './gateway-edge.ts';
import { GrpcTargets } from './grpc-targets.ts';
import { GroupListeners } from './group-listeners.ts';
import { GroupResources } from './group-resources.ts';
import { GroupRoutes } from './group-routes.ts';
import type { RulesGate } from './rules-gate.ts';
import { MissedChanges } from './missed-changes.ts';
import type { GroupDirt } from './missed-changes.ts';
import { destinationHosts } from './rules-by-host.ts';
import type { Translations } from './translations.ts';

type Rule = IstioObject<'VirtualService'>;

/** A new group's routes are composed in slices so many times, while rules change. */
const MOST_ROUNDS = 3;

/** Missed changes that a group looks at in one turn of the loop, in some milliseconds. */
const MOST_AT_ONCE = 100;

/** Resources of a new group that are committed in one turn. */
const COMMIT_AT_ONCE = 250;

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
  readonly #listeners: GroupListeners;
  readonly #resources = new GroupResources();
  #filled: Promise<void> | undefined;
  /** Who has joined it and not left; undefined while nobody ever has. */
  #members: number | undefined;
  /** Set while it rests. */
  #missed: MissedChanges | undefined;
  #isComposing = false;

  constructor(scope: ProxyScope, translations: Translations, consumers: ConsumerPolicies) {
    this.scope = scope;
    this.#consumers = consumers;
    this.#translations = translations;
    this.#routes = new GroupRoutes(scope);
    this.#grpc = new GrpcTargets(scope);
    this.#edge = new GatewayEdge(scope);
    this.#listeners = new GroupListeners(scope);
  }

  /** Set while a new group is being filled: nobody is served from it before. */
  get filled(): Promise<void> | undefined {
    return this.#filled;
  }

  /** Somebody is served from it. What it missed while nobody was comes at once where that is little, else in slices (`filled`). */
  join(gate: RulesGate, meshIsSmall: boolean): void {
    this.#members = (this.#members ?? 0) + 1;
    const missed = this.#missed;
    if (missed === undefined) return;
    this.#missed = undefined;
    if (gate.isClosed || (!meshIsSmall && missed.size > MOST_AT_ONCE)) return this.#begin(gate, this.#catchUp(missed));
    for (const _ of this.#catchUp(missed));
    if (this.hasRoutes) for (const _ of this.compose());
    this.commit();
  }

  /** When its last member has left it rests: changes are noted, and looked at when somebody joins. */
  leave(): void {
    this.#members = (this.#members ?? 0) - 1;
    this.#restIfAlone();
  }

  #restIfAlone(): void {
    // What is being put together ends first: its steps must not meet those of the next that joins.
    if (this.#members === 0 && !this.#isComposing && this.#filled === undefined) this.#missed ??= new MissedChanges();
  }

  *#catchUp(missed: MissedChanges): Generator<void> {
    for (const host of missed.instances) {
      this.instances(host);
      yield;
    }
    for (const host of missed.handedOver) yield* this.handOver(host);
    yield* this.take(missed);
  }

  /** Everything that there is by now, without holding the event loop; changes may come meanwhile, rules too. */
  fillInSlices(gate: RulesGate): void {
    this.#begin(gate, this.fill());
  }

  #begin(gate: RulesGate, steps: Generator<void>): void {
    this.#filled = this.#fillAndCompose(gate, steps).then(() => {
      this.#filled = undefined;
      this.commit();
      this.#restIfAlone();
    });
  }

  async #fillAndCompose(gate: RulesGate, steps: Generator<void>): Promise<void> {
    await ownTurn(); // of a mesh of 10,000 services the first step alone is some 10 ms
    await runInSlices(steps);
    for (let round = 1; ; round += 1) {
      await gate.opened;
      const { revision } = gate;
      // Who is passed by rules again and again puts the rest together in one turn.
      if (round > MOST_ROUNDS) for (const _ of this.compose());
      else await runInSlices(this.compose());
      // Put together while rules came: some of it is of before, some of after. What is dirty by now is made again.
      if (gate.revision === revision) break;
    }
    await runInSlices(this.#commitSteps());
  }

  /** Nobody is served from it yet, so the order is of no matter. */
  *#commitSteps(): Generator<void> {
    while (this.#resources.waiting > COMMIT_AT_ONCE) {
      this.store.commit(this.#resources.takeChanges(COMMIT_AT_ONCE));
      yield;
    }
  }

  /** Everything anew, in steps. */
  *fill(): Generator<void> {
    const { proxy } = this.scope;
    if (proxy.interception !== 'explicit' || proxy.kind === 'router') {
      for (const resource of meshClusters(proxy, this.scope.mesh))
        this.#resources.add({ type: CLUSTER_TYPE, name: resource.name, resource });
    }
    yield* this.#routes.reset();
    yield* this.#edge.reset();
    const done = new Set<MeshHost>();
    for (const host of this.#allHosts()) {
      if (!done.has(host)) this.#host(host);
      done.add(host);
      yield;
    }
    yield* this.#listeners.reset();
    yield;
  }

  /** Those that it may see now and those that it has something of, some of them twice; to be gone through in steps. */
  *#allHosts(): Iterable<MeshHost> {
    yield* [...this.#routes.hosts(), ...this.#edge.hosts()]; // what rules send to is seen although nobody imported it
    for (const egress of this.scope.egress) for (const { host } of egress.servicesOfNow()) yield host;
    yield* this.#resources.hosts();
  }

  *take(dirt: GroupDirt): Generator<void> {
    if (this.#missed !== undefined) return this.#missed.add(dirt);
    if (dirt.all) return yield* this.fill();
    if (dirt.inbound) yield* this.#edge.reset(); // a router's own service may map its ports anew
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
    this.#listeners.touch(dirt.listeners);
  }

  /** Plans leave something else to those who call the host. */
  *handOver(host: MeshHost): Generator<void> {
    if (this.#missed !== undefined) return this.#missed.addHandOver(host);
    this.#host(host);
    for (const rule of this.#routes.rulesOf(host)) this.#destinations(rule);
    yield;
    this.#routes.service(host);
  }

  /** Its instances changed, and nothing else of it. */
  instances(host: MeshHost): void {
    if (this.#missed !== undefined) return this.#missed.addInstances(host);
    if (!this.#resources.has(host)) return;
    const service = this.scope.service(host);
    this.#setEndpoints(host, service, service && this.scope.destinationRule(host));
  }

  /** New and changed clusters and endpoints. */
  commit(): void {
    if (this.#resources.waiting > 0) this.store.commit(this.#resources.takeChanges());
  }

  /** Listeners, routes or removals are waiting. */
  get hasRoutes(): boolean {
    if (this.#missed !== undefined) return false;
    return this.#routes.isDirty || this.#grpc.isDirty || this.#edge.isDirty || this.#listeners.isDirty || this.#resources.hasLeft;
  }

  /** What of the rules cannot be served to this group. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#edge.diagnostics;
  }

  *compose(): Generator<void> {
    this.#isComposing = true;
    try {
      yield* this.#compose();
    } finally {
      this.#isComposing = false;
      this.#restIfAlone();
    }
  }

  *#compose(): Generator<void> {
    this.#resources.startLeaving();
    const routes = [...(yield* this.#routes.compose()), ...(yield* this.#grpc.changes()), ...(yield* this.#edge.changes())];
    const listeners = yield* this.#listeners.compose();
    for (const change of [...listeners, ...routes]) this.#resources.add(change);
    this.#resources.endLeaving();
  }

  #destinations(rule: Rule): void {
    for (const host of destinationHosts(rule)) this.#host(host as MeshHost);
  }

  #further(host: MeshHost): Parameters<Translations['clusters']>[3] {
    const bare = isCalledBare(this.scope, this.#consumers, host, () => this.#routes.rulesOf(host));
    return { passesTls: this.scope.gateways.some(passesEverything), bare };
  }

  #host(host: MeshHost): void {
    const service = this.scope.service(host);
    const rule = service && this.scope.destinationRule(host);
    const clusters =
      service === undefined ? [] : this.#translations.clusters(service, rule, this.scope.proxy, this.#further(host));
    this.#resources.replace(CLUSTER_TYPE, host, clusters);
    this.#setEndpoints(host, service, rule);
    this.#grpc.service(host, service);
  }

  #setEndpoints(host: MeshHost, service: MeshService | undefined, rule: IstioObject<'DestinationRule'> | undefined): void {
    const endpoints =
      service === undefined ? [] : this.#translations.endpoints(service, rule, this.scope.proxy, this.#further(host));
    this.#resources.replace(ENDPOINT_TYPE, host, endpoints);
  }
}
