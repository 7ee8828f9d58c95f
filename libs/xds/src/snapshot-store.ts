import type { Resource, TypeUrl } from '@isthmus/model';
import type { ResourceView, ViewChange } from './resource-provider.ts';
import { SetHash } from './set-hash.ts';

/** One resource that is new, changed or (undefined) gone. */
export interface ResourceChange {
  readonly type: TypeUrl;
  readonly name: string;
  readonly resource: Resource | undefined;
}

interface TypeState {
  readonly resources: Map<string, Resource>;
  readonly hash: SetHash;
  version: string | undefined;
}

/** A view that also tells the sum behind its versions, so that an overlay can go on from it. */
export interface SummedView extends ResourceView {
  /** Types that have resources, had some, or were declared. */
  readonly types: readonly TypeUrl[];
  sum(type: TypeUrl): bigint;
}

const NONE: ReadonlyMap<string, Resource> = new Map();

/** The resources of a group of nodes. A commit costs what it changes, not what there is. */
export class SnapshotStore implements SummedView {
  readonly #types = new Map<TypeUrl, TypeState>();
  readonly #listeners = new Set<(change: ViewChange) => void>();
  #revision = 0;

  /** @param types declared up front, so that a type without resources is answered as empty instead of unknown */
  constructor(types: Iterable<TypeUrl> = []) {
    for (const type of types) this.#state(type);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Declared, or once committed to. */
  get types(): readonly TypeUrl[] {
    return [...this.#types.keys()];
  }

  resources(type: TypeUrl): ReadonlyMap<string, Resource> {
    return this.#types.get(type)?.resources ?? NONE;
  }

  version(type: TypeUrl): string {
    const state = this.#types.get(type);
    if (state === undefined) return new SetHash().toString();
    return (state.version ??= state.hash.toString());
  }

  sum(type: TypeUrl): bigint {
    return this.#types.get(type)?.hash.sum ?? 0n;
  }

  subscribe(onChange: (change: ViewChange) => void): () => void {
    const listener = (change: ViewChange): void => onChange(change); // the same function may subscribe twice
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Applies all changes as one and tells the subscribers before it returns. Resources whose version is the one we have
   * are left out; undefined when nothing remains.
   */
  commit(changes: Iterable<ResourceChange>): ViewChange | undefined {
    const changed = new Map<TypeUrl, Map<string, Resource | undefined>>();
    const removed = new Map<TypeUrl, Map<string, Resource>>();
    for (const { type, name, resource } of changes) {
      const state = this.#state(type);
      const old = state.resources.get(name);
      if (old?.version === resource?.version) continue;
      if (old !== undefined) state.hash.remove(old);
      if (resource === undefined) {
        state.resources.delete(name);
        if (old !== undefined) inner(removed, type).set(name, old);
      } else {
        state.resources.set(name, resource);
        state.hash.add(resource);
        removed.get(type)?.delete(name);
      }
      state.version = undefined;
      inner(changed, type).set(name, resource);
    }
    if (changed.size === 0) return undefined;
    this.#revision += 1;
    const change: ViewChange = { revision: this.#revision, changed, removed };
    for (const listener of this.#listeners) listener(change);
    return change;
  }

  #state(type: TypeUrl): TypeState {
    let state = this.#types.get(type);
    if (state === undefined) {
      state = { resources: new Map(), hash: new SetHash(), version: undefined };
      this.#types.set(type, state);
    }
    return state;
  }
}

function inner<V>(outer: Map<TypeUrl, Map<string, V>>, type: TypeUrl): Map<string, V> {
  let map = outer.get(type);
  if (map === undefined) {
    map = new Map();
    outer.set(type, map);
  }
  return map;
}
