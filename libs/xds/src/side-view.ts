import type { Resource, TypeUrl } from '@isthmus/model';
import type { NodeInfo, Peer, Refusal, ResourceProvider, ResourceView, ViewChange } from './resource-provider.ts';

/**
 * Serves some types from a view of their own, the same for every node, beside whatever another provider gives each node:
 * Envoy's runtime has nothing to do with services.
 */
export class SideProvider implements ResourceProvider {
  readonly #main: ResourceProvider;
  readonly #side: ResourceView;
  readonly #types: ReadonlySet<TypeUrl>;
  readonly #views = new WeakMap<ResourceView, ResourceView>();

  constructor(main: ResourceProvider, side: ResourceView, types: Iterable<TypeUrl>) {
    this.#main = main;
    this.#side = side;
    this.#types = new Set(types);
  }

  viewFor(node: NodeInfo, peer: Peer): ResourceView | Refusal {
    const main = this.#main.viewFor(node, peer);
    if ('refused' in main) return main;
    let view = this.#views.get(main);
    if (view === undefined) {
      view = new SideView(main, this.#side, this.#types);
      this.#views.set(main, view);
    }
    return view;
  }
}

class SideView implements ResourceView {
  readonly #main: ResourceView;
  readonly #side: ResourceView;
  readonly #types: ReadonlySet<TypeUrl>;

  constructor(main: ResourceView, side: ResourceView, types: ReadonlySet<TypeUrl>) {
    this.#main = main;
    this.#side = side;
    this.#types = types;
  }

  get revision(): number {
    return this.#main.revision + this.#side.revision;
  }

  get ready(): Promise<void> | undefined {
    return this.#main.ready;
  }

  resources(type: TypeUrl): ReadonlyMap<string, Resource> {
    return this.#of(type).resources(type);
  }

  version(type: TypeUrl): string {
    return this.#of(type).version(type);
  }

  subscribe(onChange: (change: ViewChange) => void): () => void {
    const forward = (change: ViewChange): void => onChange({ ...change, revision: this.revision });
    const ends = [this.#main.subscribe(forward), this.#side.subscribe(forward)];
    return () => ends.forEach((end) => end());
  }

  #of(type: TypeUrl): ResourceView {
    return this.#types.has(type) ? this.#side : this.#main;
  }
}
