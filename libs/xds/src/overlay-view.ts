import type { Resource, SnapshotChange, TypeUrl } from '@isthmus/model';
import { LayeredMap } from './layered-map.ts';
import type { ViewChange } from './resource-provider.ts';
import { SetHash } from './set-hash.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { ResourceChange, SummedView } from './snapshot-store.ts';

/**
 * A shared base plus the few resources that are a group's own (its listeners), without a copy of the base. An own
 * resource hides the base's one of the same type and name.
 */
export class OverlayView implements SummedView {
  #base: SummedView;
  readonly #own = new SnapshotStore();
  readonly #listeners = new Set<(change: ViewChange) => void>();
  #unsubscribe: () => void;
  /** What the revisions of earlier bases came to: a revision never goes back. */
  #before = 0;

  constructor(base: SummedView) {
    this.#base = base;
    this.#unsubscribe = base.subscribe((change) => this.#forward(change));
  }

  get types(): readonly TypeUrl[] {
    return [...new Set([...this.#base.types, ...this.#own.types])];
  }

  get revision(): number {
    return this.#before + this.#base.revision + this.#own.revision;
  }

  resources(type: TypeUrl): ReadonlyMap<string, Resource> {
    const own = this.#own.resources(type);
    const base = this.#base.resources(type);
    if (own.size === 0) return base;
    return base.size === 0 ? own : new LayeredMap(own, base, this.#base.version(type));
  }

  sum(type: TypeUrl): bigint {
    const hash = new SetHash(this.#base.sum(type) + this.#own.sum(type));
    const base = this.#base.resources(type);
    for (const name of this.#own.resources(type).keys()) {
      const hidden = base.get(name);
      if (hidden !== undefined) hash.remove(hidden);
    }
    return hash.sum;
  }

  version(type: TypeUrl): string {
    if (this.#own.resources(type).size === 0) return this.#base.version(type);
    return new SetHash(this.sum(type)).toString();
  }

  subscribe(onChange: (change: ViewChange) => void): () => void {
    const listener = (change: ViewChange): void => onChange(change);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Like `SnapshotStore.commit`, for the group's own resources; removing one shows the base's again. */
  commit(changes: Iterable<ResourceChange>): SnapshotChange | undefined {
    const change = this.#own.commit(changes);
    if (change === undefined) return undefined;
    const changed = new Map([...change.changed].map(([type, names]) => [type, this.#uncovered(type, names)]));
    const removed = new Map([...change.removed].map(([type, names]) => [type, this.#without(names, this.#base.resources(type))]));
    this.#tell({ revision: this.revision, changed, removed });
    return change;
  }

  /** Puts another base underneath; subscribers are told what differs, as one change. Costs a walk over both. */
  rebase(base: SummedView): void {
    const old = this.#base;
    if (old === base) return;
    this.#unsubscribe();
    this.#before += old.revision + 1;
    this.#base = base;
    this.#unsubscribe = base.subscribe((change) => this.#forward(change));
    this.#forward(difference(old, base));
  }

  /** Ends the subscription to the base. */
  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #uncovered(type: TypeUrl, names: ReadonlyMap<string, Resource | undefined>): Map<string, Resource | undefined> {
    const base = this.#base.resources(type);
    return new Map([...names].map(([name, resource]) => [name, resource ?? base.get(name)]));
  }

  #forward(change: ViewChange): void {
    const changed = new Map<TypeUrl, ReadonlyMap<string, Resource | undefined>>();
    const removed = new Map<TypeUrl, ReadonlyMap<string, Resource>>();
    for (const [type, names] of change.changed) {
      const visible = this.#without(names, this.#own.resources(type));
      if (visible.size > 0) changed.set(type, visible);
    }
    for (const [type, names] of change.removed) removed.set(type, this.#without(names, this.#own.resources(type)));
    if (changed.size > 0) this.#tell({ revision: this.revision, changed, removed });
  }

  #without<V>(names: ReadonlyMap<string, V>, hidden: ReadonlyMap<string, unknown>): ReadonlyMap<string, V> {
    if (hidden.size === 0) return names;
    return new Map([...names].filter(([name]) => !hidden.has(name)));
  }

  #tell(change: ViewChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function difference(from: SummedView, to: SummedView): ViewChange {
  const changed = new Map<TypeUrl, ReadonlyMap<string, Resource | undefined>>();
  const removed = new Map<TypeUrl, ReadonlyMap<string, Resource>>();
  for (const type of new Set([...from.types, ...to.types])) {
    const before = from.resources(type);
    const after = to.resources(type);
    const gone = new Map([...before].filter(([name]) => !after.has(name)));
    const differing = new Map<string, Resource | undefined>([...gone.keys()].map((name) => [name, undefined]));
    for (const [name, resource] of after) if (before.get(name)?.version !== resource.version) differing.set(name, resource);
    if (differing.size > 0) changed.set(type, differing);
    if (gone.size > 0) removed.set(type, gone);
  }
  return { revision: to.revision, changed, removed };
}
