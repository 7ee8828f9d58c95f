import type { Resource, SnapshotChange, TypeUrl } from '@isthmus/model';
import { LayeredMap } from './layered-map.ts';
import type { ViewChange } from './resource-provider.ts';
import { SetHash } from './set-hash.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { ResourceChange, SummedView } from './snapshot-store.ts';

/**
 * A shared base plus the few resources that are a group's own (its listeners), without a copy of the base. An own
 * resource hides the base's one of the same type and name; others of the base can be hidden by name.
 */
export class OverlayView implements SummedView {
  #base: SummedView;
  readonly #own = new SnapshotStore();
  readonly #listeners = new Set<(change: ViewChange) => void>();
  readonly #hidden = new Map<TypeUrl, ReadonlySet<string>>();
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
    const hidden = this.#hidden.get(type);
    if (own.size === 0 && hidden === undefined) return base;
    return base.size === 0 ? own : new LayeredMap(own, base, this.#base.version(type), hidden);
  }

  sum(type: TypeUrl): bigint {
    const hash = new SetHash(this.#base.sum(type) + this.#own.sum(type));
    const base = this.#base.resources(type);
    for (const name of new Set([...this.#own.resources(type).keys(), ...(this.#hidden.get(type) ?? [])])) {
      const covered = base.get(name);
      if (covered !== undefined) hash.remove(covered);
    }
    return hash.sum;
  }

  version(type: TypeUrl): string {
    if (this.#own.resources(type).size === 0 && !this.#hidden.has(type)) return this.#base.version(type);
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
    const removed = new Map(
      [...change.removed].map(([type, names]) => [
        type,
        new Map([...names].filter(([name]) => this.#under(type, name) === undefined)),
      ]),
    );
    this.#tell({ revision: this.revision, changed, removed });
    return change;
  }

  /** The base's resources of these names are not to be seen, and those hidden before are again. */
  hide(type: TypeUrl, names: ReadonlySet<string>): void {
    const before = this.#hidden.get(type);
    if (before === undefined ? names.size === 0 : before.size === names.size && before.isSubsetOf(names)) return;
    if (names.size === 0) this.#hidden.delete(type);
    else this.#hidden.set(type, names);
    this.#before += 1;
    const changed = new Map<string, Resource | undefined>();
    const removed = new Map<string, Resource>();
    for (const name of names.symmetricDifference(before ?? new Set<string>())) {
      const resource = this.#base.resources(type).get(name);
      if (resource === undefined || this.#own.resources(type).has(name)) continue;
      changed.set(name, names.has(name) ? undefined : resource);
      if (names.has(name)) removed.set(name, resource);
    }
    if (changed.size > 0)
      this.#tell({ revision: this.revision, changed: new Map([[type, changed]]), removed: new Map([[type, removed]]) });
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
    return new Map([...names].map(([name, resource]) => [name, resource ?? this.#under(type, name)]));
  }

  /** The base's, where it can be seen. */
  #under(type: TypeUrl, name: string): Resource | undefined {
    return this.#hidden.get(type)?.has(name) === true ? undefined : this.#base.resources(type).get(name);
  }

  #forward(change: ViewChange): void {
    const changed = new Map<TypeUrl, ReadonlyMap<string, Resource | undefined>>();
    const removed = new Map<TypeUrl, ReadonlyMap<string, Resource>>();
    for (const [type, names] of change.changed) {
      const visible = this.#notCovered(type, names);
      if (visible.size > 0) changed.set(type, visible);
    }
    for (const [type, names] of change.removed) removed.set(type, this.#notCovered(type, names));
    if (changed.size > 0) this.#tell({ revision: this.revision, changed, removed });
  }

  #notCovered<V>(type: TypeUrl, names: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    const own = this.#own.resources(type);
    const hidden = this.#hidden.get(type);
    if (own.size === 0 && hidden === undefined) return names;
    return new Map([...names].filter(([name]) => !own.has(name) && hidden?.has(name) !== true));
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
