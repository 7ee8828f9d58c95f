import type { ListenerPlace, MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { ScopeMesh, ScopedProxy } from './inputs.ts';
import type { Scope } from './proxy-scope.ts';

/** What of one group has to be translated again. More than necessary costs time, never a push: equal content is not sent. */
export interface ScopeDirt<P extends ScopedProxy, M extends ScopeMesh> {
  readonly scope: Scope<P, M>;
  /** Another Sidecar or other Gateways apply: everything. */
  readonly all: boolean;
  /** Services whose clusters, and virtual hosts of their own, may be others. */
  readonly hosts: ReadonlySet<MeshHost>;
  /** VirtualServices that came, went or changed, as they were and as they are: the virtual hosts that they make. */
  readonly virtualServices: ReadonlySet<IstioObject<'VirtualService'>>;
  /** Outbound listeners. */
  readonly listeners: ReadonlySet<ListenerPlace>;
  /** What the proxy itself serves changed. */
  readonly inbound: boolean;
  /** A router's listeners. */
  readonly gateways: boolean;
}

type Marked<P extends ScopedProxy, M extends ScopeMesh> = {
  -readonly [K in keyof ScopeDirt<P, M>]: ScopeDirt<P, M>[K] extends ReadonlySet<infer T> ? Set<T> : ScopeDirt<P, M>[K];
};

/** Collects while a change is looked at. */
export class Dirt<P extends ScopedProxy, M extends ScopeMesh> {
  readonly #marked = new Map<Scope<P, M>, Marked<P, M>>();

  of(scope: Scope<P, M>): Marked<P, M> {
    let marked = this.#marked.get(scope);
    if (marked === undefined) {
      marked = {
        scope,
        all: false,
        hosts: new Set(),
        virtualServices: new Set(),
        listeners: new Set(),
        inbound: false,
        gateways: false,
      };
      this.#marked.set(scope, marked);
    }
    return marked;
  }

  list(): readonly ScopeDirt<P, M>[] {
    return [...this.#marked.values()];
  }
}
