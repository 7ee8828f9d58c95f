import {
  CLUSTER_TYPE,
  LISTENER_TYPE,
  grpcListener,
  inboundClusters,
  selfListenerNames,
  sidecarListeners,
} from '@isthmus/translate';
import type { MeshOptions, Proxy, ProxyScope } from '@isthmus/translate';
import type { Scope } from '@isthmus/policy';
import type { Resource, TypeUrl } from '@isthmus/model';
import { OverlayView } from '@isthmus/xds';
import type { NodeInfo, Refusal, ResourceChange, ResourceProvider, ResourceView } from '@isthmus/xds';
import type { MeshGroup } from './mesh-group.ts';
import type { MeshPublisher } from './mesh-publisher.ts';
import { knownProxy, movedAddresses, ownAddresses } from './node-identity.ts';
import { proxyOf } from './proxy-of.ts';
import type { ProxyDefaults } from './proxy-of.ts';

/** Different nodes at a time; more are refused. */
const MOST_NODES = 10_000;
/** Nodes that nobody asks for any more are forgotten when so many are kept. */
const SWEEP_AT = 64;
/** … or so long after the last stream of one has gone, ms: a group that nobody is in costs as much per change as any other. */
const SWEEP_AFTER_MS = 60_000;

type After = (ms: number, run: () => void) => void;

interface Node {
  readonly key: string;
  /** As it says. */
  readonly claimed: Proxy;
  /** By which its workload is known; where there is none, nodes that say the same are one. */
  readonly addresses: readonly string[];
  /** As it says, and as the registries know it. */
  proxy: Proxy;
  readonly view: OverlayView;
  /** What the streams get: one object for all of them. */
  readonly served: ResourceView;
  /** Live; of its own only where it receives calls. */
  scope: Scope<Proxy, MeshOptions>;
  group: MeshGroup;
  streams: number;
  /** Its last stream has gone; `late`: what it is told of has changed since. */
  rest: 'awake' | 'resting' | 'late';
  own: ReadonlyMap<string, TypeUrl>;
}

/**
 * What each node is served: what its group is, and its own: the egress listener that it asks for, and what brings calls to
 * its workload. Nodes that say the same of themselves, addresses included, share a view.
 */
export class NodeViews implements ResourceProvider {
  readonly #publisher: MeshPublisher;
  readonly #defaults: ProxyDefaults;
  readonly #nodes = new Map<string, Node>();
  readonly #byAddress = new Map<string, Set<Node>>();
  readonly #after: After;
  #sweepAt = SWEEP_AT;
  #willSweep = false;

  constructor(publisher: MeshPublisher, defaults: ProxyDefaults, after: After = (ms, run) => void setTimeout(run, ms).unref()) {
    this.#publisher = publisher;
    this.#defaults = defaults;
    this.#after = after;
    publisher.own = {
      changed: (scope) => {
        for (const node of this.#nodes.values()) if (node.scope === scope && isAwake(node)) this.#refresh(node);
      },
      regroup: () => {
        for (const node of this.#nodes.values()) if (isAwake(node)) this.#regroup(node);
        this.#retain();
      },
      renewed: () => {
        for (const node of this.#nodes.values()) this.#rescope(node);
      },
      moved: (before, after) => {
        if (this.#byAddress.size === 0) return;
        const nodes = new Set([...movedAddresses(before, after)].flatMap((address) => [...(this.#byAddress.get(address) ?? [])]));
        for (const node of nodes) if (isAwake(node)) this.#identify(node);
      },
    };
  }

  viewFor(info: NodeInfo): ResourceView | Refusal {
    const claimed = proxyOf(info, this.#defaults);
    if ('refused' in claimed) return claimed;
    const addresses = ownAddresses(claimed);
    // Without interception nothing is brought to the workload: its addresses are what it is known by, and nothing else.
    const said = takesNoCalls(claimed) ? { ...claimed, addresses: [] } : claimed;
    const key = JSON.stringify([said, addresses]);
    let node = this.#nodes.get(key);
    if (node === undefined) {
      if (this.#nodes.size >= this.#sweepAt) this.#sweep();
      if (this.#nodes.size >= MOST_NODES)
        return { refused: `more than ${MOST_NODES} nodes that differ in what they say of themselves` };
      node = this.#open(key, said, addresses);
      this.#nodes.set(key, node);
      for (const address of addresses) this.#byAddress.set(address, (this.#byAddress.get(address) ?? new Set()).add(node));
    } else if (node.rest !== 'awake') this.#wake(node);
    return node.served;
  }

  #open(key: string, claimed: Proxy, addresses: readonly string[]): Node {
    const proxy = knownProxy(claimed, addresses, this.#publisher.services);
    const group = this.#publisher.join(proxy);
    const view = new OverlayView(group.store);
    const node: Node = {
      key,
      claimed,
      addresses,
      proxy,
      group,
      scope: this.#publisher.scopeFor(proxy),
      view,
      served: counted(
        view,
        (by) => this.#count(node, by),
        () => node.group.filled,
      ),
      streams: 0,
      rest: 'awake',
      own: new Map(),
    };
    this.#refresh(node);
    // Its own is then the egress listener, which depends on nothing else.
    if (takesNoCalls(proxy)) this.#publisher.release(node.scope);
    return node;
  }

  /** An instance came to its address, went, or is labelled otherwise. */
  #identify(node: Node): void {
    const proxy = knownProxy(node.claimed, node.addresses, this.#publisher.services);
    if (JSON.stringify(proxy) === JSON.stringify(node.proxy)) return;
    this.#publisher.release(node.scope);
    node.proxy = proxy;
    this.#rescope(node);
    this.#regroup(node);
  }

  #rescope(node: Node): void {
    node.scope = this.#publisher.scopeFor(node.proxy);
    this.#refresh(node);
    if (takesNoCalls(node.proxy)) this.#publisher.release(node.scope);
  }

  #count(node: Node, by: 1 | -1): void {
    node.streams += by;
    if (node.streams > 0) return;
    if (node.rest === 'awake') {
      node.rest = 'resting';
      node.group.leave();
    }
    if (this.#willSweep) return;
    this.#willSweep = true;
    this.#after(SWEEP_AFTER_MS, () => {
      this.#willSweep = false;
      this.#sweep();
    });
  }

  /** Somebody asks for it again. */
  #wake(node: Node): void {
    const isLate = node.rest === 'late';
    node.rest = 'awake';
    const before = node.group;
    node.group = this.#publisher.join(node.proxy);
    if (node.group !== before) node.view.rebase(node.group.store);
    if (!isLate) return;
    this.#refresh(node);
    this.#identify(node);
  }

  /** It keeps what it has until its new group is complete. */
  #regroup(node: Node): void {
    const { group: before } = node;
    const group = this.#publisher.join(node.proxy);
    before.leave();
    if (group === before) return;
    node.group = group;
    const move = (): void => {
      if (node.group === group && this.#nodes.get(node.key) === node) node.view.rebase(group.store);
    };
    if (group.filled === undefined) move();
    else void group.filled.then(move);
  }

  #refresh(node: Node): void {
    // As istiod: of a service that the proxy does not see (`exportTo`, a Sidecar) it has no DestinationRule either.
    const resources = ownResources(node.scope, (service) =>
      node.scope.service(service.host) === undefined ? undefined : this.#publisher.rules.inbound(node.proxy, service),
    );
    const gone = [...node.own].filter(([name, type]) => !resources.some((each) => each.type === type && each.name === name));
    node.own = new Map(resources.map(({ name, type }) => [name, type]));
    node.view.hide(LISTENER_TYPE, selfListenerNames(node.scope));
    node.view.commit([...resources, ...gone.map(([name, type]) => ({ type, name, resource: undefined }))]);
  }

  #sweep(): void {
    for (const [key, node] of this.#nodes) {
      if (node.streams > 0) continue;
      this.#nodes.delete(key);
      for (const address of node.addresses) {
        const here = this.#byAddress.get(address);
        here?.delete(node);
        if (here?.size === 0) this.#byAddress.delete(address);
      }
      node.view.close();
      if (node.rest === 'awake') node.group.leave();
      this.#publisher.release(node.scope);
    }
    this.#retain();
    this.#sweepAt = Math.max(SWEEP_AT, this.#nodes.size * 2);
  }

  /** Groups that only resting nodes are of go too: what those are of may have changed. */
  #retain(): void {
    const awake = [...this.#nodes.values()].filter(({ rest }) => rest === 'awake');
    this.#publisher.retain(new Set(awake.map(({ group }) => group)));
  }
}

/** @returns whether it is to be told at once; what rests is told when it wakes */
function isAwake(node: Node): boolean {
  if (node.rest === 'awake') return true;
  node.rest = 'late';
  return false;
}

/** A router is dialled at its own addresses: which ports its service maps decides where its Gateways listen. */
function takesNoCalls({ kind, interception, grpc }: Proxy): boolean {
  return kind === 'sidecar' && interception === 'explicit' && !grpc;
}

type InboundRule = Parameters<typeof inboundClusters>[1];

function ownResources(scope: ProxyScope, ruleOf: InboundRule): readonly ResourceChange[] {
  const listeners: readonly Resource[] = scope.proxy.grpc
    ? serverNames(scope).flatMap((name) => grpcListener(scope, name) ?? [])
    : [...sidecarListeners(scope, 'fixed'), ...sidecarListeners(scope, 'inbound')];
  const clusters = scope.proxy.interception === 'explicit' ? [] : inboundClusters(scope, ruleOf);
  return [
    ...listeners.map((resource) => ({ type: LISTENER_TYPE, name: resource.name, resource })),
    ...clusters.map((resource) => ({ type: CLUSTER_TYPE, name: resource.name, resource })),
  ];
}

/** How a gRPC server asks for its listener: by an address that it is bound to. */
function serverNames({ own, proxy }: ProxyScope): readonly string[] {
  const ports = [...new Set(own.map(({ targetPort }) => targetPort))];
  const addresses = ['0.0.0.0', '[::]', ...proxy.addresses.map((address) => (address.includes(':') ? `[${address}]` : address))];
  return ports.flatMap((port) => addresses.map((address) => `xds.istio.io/grpc/lds/inbound/${address}:${port}`));
}

/** A view that tells how many streams it has. @param filled see `ResourceView.ready` */
function counted(view: OverlayView, count: (by: 1 | -1) => void, filled: () => Promise<void> | undefined): ResourceView {
  return {
    get revision() {
      return view.revision;
    },
    get ready() {
      return filled();
    },
    resources: (type) => view.resources(type),
    version: (type) => view.version(type),
    subscribe: (onChange) => {
      count(1);
      const end = view.subscribe(onChange);
      return () => {
        count(-1);
        end();
      };
    },
  };
}
