import type { Diagnostic, MeshHost, MeshService } from '@isthmus/model';
import type { ObjectChange, Scope, ScopeDirt } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { MeshOptions, Proxy } from '@isthmus/translate';
import type { SnapshotStore } from '@isthmus/xds';
import { hostsConcerned, isMadeForCallers } from './callers-dirt.ts';
import { ConsumerPolicies } from './consumer-policies.ts';
import type { ConsumerPosition } from './consumer-policies.ts';
import { MeshGroup } from './mesh-group.ts';
import { RulesGate } from './rules-gate.ts';
import { ofMesh } from './of-mesh.ts';
import type { OfMesh } from './of-mesh.ts';
import type { Rules } from './rules.ts';
import { ServiceIndex } from './service-index.ts';

/** In a long flush routes are composed this often, so that its first services need not wait for its last; */
const ROUTES_EVERY_MS = 100;
/** … but for at most a tenth of the time. */
const ROUTES_SHARE = 10;

/** Services and VirtualServices of which a new group takes all in one turn of the loop, in some milliseconds. */
const SMALL_MESH = 100;

type MeshScope = Scope<Proxy, MeshOptions>;

interface Renewal {
  readonly mesh: MeshOptions;
  readonly objects: () => Iterable<IstioObject>;
}

/** What a node has of its own is told of these; see `NodeViews`. */
export interface OwnListener {
  /** What the node's workload serves, or its Sidecar, may have changed. */
  changed(scope: MeshScope): void;
  /** Rules look at other labels than before: nodes may belong to other groups. */
  regroup(): void;
  /** The mesh has other options: what there was of scopes and groups does not count any more. `regroup` follows. */
  renewed(): void;
  /** Of a service; what nodes are known by may be another instance's now. */
  moved(before: MeshService | undefined, after: MeshService | undefined): void;
}

/**
 * Turns merged services and Istio's rules into what each group of proxies is served. An endpoint change encodes one
 * ClusterLoadAssignment for all of them; a service or a rule pays for what depends on it.
 */
export class MeshPublisher {
  readonly services = new ServiceIndex();
  readonly #anybody: Proxy;
  #options: OfMesh;
  readonly #groups = new Map<string, { readonly group: MeshGroup; readonly scope: MeshScope }>();
  readonly #byScope = new Map<MeshScope, MeshGroup>();
  #everybody: MeshGroup;
  /** `#everybody`, or what it was until that is complete. */
  #shown: MeshGroup;
  #renewal: Renewal | undefined;
  readonly #now: () => number;
  #own: OwnListener = { changed: () => undefined, regroup: () => undefined, renewed: () => undefined, moved: () => undefined };
  #rulesQueue: ObjectChange[] = [];
  #positionsQueue: ConsumerPosition[] = [];
  readonly #callersDirt = new Set<MeshHost>();
  #knowsRules = false;
  #nextRoutesAt = Number.NEGATIVE_INFINITY;
  readonly #gate = new RulesGate();

  /** @param everybody the proxy that most are like; its group is always there, for `explain` and `export` */
  constructor(mesh: MeshOptions, everybody: Proxy, now: () => number = () => performance.now()) {
    this.#options = ofMesh(mesh, this.services, new ConsumerPolicies());
    this.#now = now;
    this.#anybody = everybody;
    this.#everybody = this.join(everybody);
    this.#shown = this.#everybody;
  }

  get rules(): Rules {
    return this.#options.rules;
  }

  /** What proxies are served that nothing tells apart. */
  get store(): SnapshotStore {
    if (this.#everybody.filled === undefined) this.#shown = this.#everybody;
    return this.#shown.store;
  }

  set own(listener: OwnListener) {
    this.#own = listener;
  }

  /** The group of a proxy; a new one is filled at once where that is little work, else in slices (`MeshGroup.filled`). */
  groupOf(proxy: Proxy): MeshGroup {
    const kind = { ...this.#options.distinctions.classOf(proxy), consumer: this.rules.consumers.classOf(proxy.consumer) };
    const key = JSON.stringify(kind);
    let known = this.#groups.get(key);
    if (known === undefined) {
      const scope = this.#options.scopes.scopeFor(kind);
      known = { group: new MeshGroup(scope, this.#options.translations, this.rules.consumers), scope };
      this.#groups.set(key, known);
      this.#byScope.set(scope, known.group);
      const { group } = known;
      if (!this.#isSmall || this.#gate.isClosed) group.fillInSlices(this.#gate);
      else {
        for (const _ of group.fill());
        for (const _ of group.compose());
        group.commit();
      }
    }
    return known.group;
  }

  /** `groupOf`, for somebody who is served from it until `leave` is called of it; nobody's group takes notes of changes, no more. */
  join(proxy: Proxy): MeshGroup {
    const group = this.groupOf(proxy);
    group.join(this.#gate, this.#isSmall);
    return group;
  }

  get #isSmall(): boolean {
    return this.services.size + this.rules.virtual.size <= SMALL_MESH;
  }

  /** The groups that are not in use any more go. */
  retain(used: ReadonlySet<MeshGroup>): void {
    for (const [key, { group, scope }] of this.#groups) {
      if (group === this.#everybody || used.has(group)) continue;
      this.#groups.delete(key);
      this.#byScope.delete(scope);
      this.#options.scopes.release(scope);
    }
  }

  scopeFor(proxy: Proxy): MeshScope {
    return this.#options.scopes.scopeFor(proxy);
  }

  release(scope: MeshScope): void {
    this.#options.scopes.release(scope);
  }

  /** What is wrong with rules, or cannot be served to some group: each once, however many groups it concerns. */
  diagnostics(): Iterable<Diagnostic> {
    const all = [...this.rules.diagnostics(), ...[...this.#groups.values()].flatMap(({ group }) => group.diagnostics)];
    return new Map(all.map((each) => [JSON.stringify(each), each])).values();
  }

  /** Objects that came, changed or went; they count from the next `applyRules` on. */
  queueRules(changes: Iterable<ObjectChange>): void {
    for (const change of changes) if (!isMadeForCallers(change)) this.#rulesQueue.push(change);
  }

  /** The rules have been read, or it is known that they cannot be: what is said to istiod may be made from them. */
  get knowsRules(): boolean {
    return this.#knowsRules;
  }

  /** @returns nothing to take, but what is said to callers is due */
  rulesWereRead(): readonly ObjectChange[] {
    this.#knowsRules = true;
    for (const host of this.rules.consumers.hosts()) this.#callersDirt.add(host);
    return [];
  }

  /** Hosts under plans for whose callers something may be other since the last call; of rules and plans, not of services. */
  takeCallers(): readonly MeshHost[] {
    const hosts = [...this.#callersDirt];
    this.#callersDirt.clear();
    return hosts;
  }

  /** Where plans have consumers now; it counts from the next `applyRules` on. */
  queuePositions(positions: Iterable<ConsumerPosition>): void {
    for (const position of positions) this.#positionsQueue.push(position);
  }

  /**
   * Other options of the mesh, which count from the next `applyRules` on: everything is translated anew, and each node keeps what it
   * has until its new group is complete. The domain stays. @param objects all that are in force
   */
  renew(mesh: MeshOptions, objects: () => Iterable<IstioObject>): void {
    this.#renewal = { mesh, objects };
  }

  /** Takes what is queued, in steps; until the last nobody is shown routes or listeners, and nobody new anything. */
  *applyRules(): Generator<void> {
    const renewal = this.#renewal;
    if (renewal === undefined && this.#rulesQueue.length === 0 && this.#positionsQueue.length === 0) return;
    this.#gate.close();
    if (renewal !== undefined) this.#begin(renewal);
    const queue = this.#rulesQueue;
    this.#rulesQueue = [];
    let regroups = renewal !== undefined;
    try {
      const changes: ObjectChange[] = [];
      for (const change of queue) {
        regroups = this.#options.distinctions.replace(change.before, change.after) || regroups;
        changes.push(...this.rules.take(change));
        yield;
      }
      for (const host of hostsConcerned(changes, this.rules.consumers.hosts())) this.#callersDirt.add(host);
      yield* this.#dirty(yield* this.#options.scopes.onObjects(changes));
      regroups = (yield* this.#applyPositions()) || regroups;
    } finally {
      this.#gate.open();
    }
    if (renewal !== undefined) {
      this.#everybody = this.join(this.#anybody);
      this.#own.renewed();
    }
    if (regroups) this.#own.regroup();
  }

  /** Nothing is known of rules then; those that there are wait in the queue. */
  #begin({ mesh, objects }: Renewal): void {
    this.#renewal = undefined;
    this.#options = ofMesh({ ...mesh, domain: this.#options.domain }, this.services, this.rules.consumers);
    this.#groups.clear();
    this.#byScope.clear();
    this.#rulesQueue = [];
    this.queueRules([...objects()].map((after) => ({ before: undefined, after })));
  }

  /** A service that was merged anew. */
  publish(host: MeshHost, merged: MeshService | undefined): void {
    const service = merged && this.#options.exported.of(merged);
    const before = this.services.set(host, service);
    if (before === service) return;
    this.#options.translations.forget(host);
    const dirt = this.#options.scopes.onServices([host]);
    for (const _ of this.#dirty(dirt));
    for (const { group, scope } of this.#groups.values()) {
      if (!dirt.some((each) => each.scope === scope && each.hosts.has(host))) group.instances(host);
    }
    this.#own.moved(before, service);
  }

  /** What is new or changed of clusters and endpoints reaches the streams. What goes waits for the routes. */
  commit(): void {
    for (const { group } of this.#groups.values()) if (group.filled === undefined) group.commit();
  }

  /** There is something to compose. */
  get hasRoutes(): boolean {
    return [...this.#groups.values()].some(({ group }) => group.hasRoutes && group.filled === undefined);
  }

  /**
   * In the middle of a long flush: is it time to compose what there is? Never between the rules: a group that begins anew because
   * its Sidecar changed has few hosts yet, and calls to the others would end nowhere.
   */
  get routesAreDue(): boolean {
    return !this.#gate.isClosed && this.#now() >= this.#nextRoutesAt && this.hasRoutes;
  }

  /**
   * Composes listeners and routes and commits them with what they no longer name, in steps. Nothing may be published in
   * between.
   */
  *composeRoutes(): Generator<void> {
    const start = this.#now();
    for (const { group } of this.#groups.values()) {
      if (!group.hasRoutes || group.filled !== undefined) continue;
      yield* group.compose();
      group.commit();
    }
    const end = this.#now();
    this.#nextRoutesAt = end + Math.max(ROUTES_EVERY_MS, (end - start) * ROUTES_SHARE);
  }

  /** Groups pay for the targets that are handed over otherwise there. @returns whether proxies may fall into other classes */
  *#applyPositions(): Generator<void, boolean> {
    const queue = this.#positionsQueue;
    this.#positionsQueue = [];
    let regroups = false;
    for (const each of queue) {
      const { host, port } = each.target;
      this.#callersDirt.add(host as MeshHost);
      const before = new Map([...this.#groups.values()].map(({ group }) => [group, group.scope.handOver(host, port)]));
      regroups = this.rules.consumers.set(each).regroups || regroups;
      for (const [group, over] of before) {
        if (group.scope.handOver(host, port) !== over) yield* group.handOver(host as MeshHost);
      }
    }
    return regroups;
  }

  *#dirty(dirt: readonly ScopeDirt<Proxy, MeshOptions>[]): Generator<void> {
    for (const each of dirt) {
      const group = this.#byScope.get(each.scope);
      if (group !== undefined) yield* group.take(each);
      else if (each.inbound || each.all || each.gateways) this.#own.changed(each.scope);
    }
  }
}
