import type { MeshHost, TypeUrl } from '@isthmus/model';
import { CLUSTER_TYPE, ENDPOINT_TYPE } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';

type Resource = NonNullable<ResourceChange['resource']>;

const NO_NAMES: readonly string[] = [];
const HOST_TYPES: readonly TypeUrl[] = [CLUSTER_TYPE, ENDPOINT_TYPE];

/**
 * What a group has of each host, and what of it waits for the next commit. A resource that no host has any more goes only with the
 * routes that no longer name it (make before break).
 */
export class GroupResources {
  /** By host: the names of its clusters and of its ClusterLoadAssignments. */
  readonly #names = new Map<TypeUrl, Map<MeshHost, readonly string[]>>(HOST_TYPES.map((type) => [type, new Map()]));
  /** What no host has any more: taken away with the next routes. */
  readonly #left = noneOf();
  /** … and with those that are being composed, unless it comes back meanwhile. */
  readonly #leaving = noneOf();
  #changes: ResourceChange[] = [];

  /** It has something of this host. */
  has(host: MeshHost): boolean {
    for (const names of this.#names.values()) if (names.has(host)) return true;
    return false;
  }

  /** Whom it has something of, some of them twice; live, so that it may be gone through in steps. */
  *hosts(): Iterable<MeshHost> {
    for (const names of this.#names.values()) yield* names.keys();
  }

  /** All of a type that a host has from now on; what else it had leaves with the next routes. */
  replace(type: TypeUrl, host: MeshHost, resources: readonly Resource[]): void {
    const known = this.#names.get(type);
    const before = known?.get(host) ?? NO_NAMES;
    if (before.length !== resources.length || resources.some(({ name }, n) => name !== before[n])) {
      const names = resources.map(({ name }) => name);
      for (const name of before) this.#left.get(type)?.add(name);
      // It may have gone and come back before the routes were composed, or while they are.
      for (const name of names) for (const gone of [this.#left, this.#leaving]) gone.get(type)?.delete(name);
      if (names.length === 0) known?.delete(host);
      else known?.set(host, names);
    }
    for (const resource of resources) this.add({ type, name: resource.name, resource });
  }

  add(change: ResourceChange): void {
    this.#changes.push(change);
  }

  /** Something is to be taken away. */
  get hasLeft(): boolean {
    return [...this.#left.values()].some(({ size }) => size > 0);
  }

  /** Routes are being composed: what has been left until now goes with them. */
  startLeaving(): void {
    for (const [type, names] of this.#left) {
      for (const name of names) this.#leaving.get(type)?.add(name);
      names.clear();
    }
  }

  /** They are composed: what was leaving is gone with the next commit. To be called after everything else of it was added. */
  endLeaving(): void {
    for (const [type, names] of this.#leaving) {
      for (const name of names) this.add({ type, name, resource: undefined });
      names.clear();
    }
  }

  /** What waits, the first `most` of it; all by default. */
  takeChanges(most = Infinity): readonly ResourceChange[] {
    if (this.#changes.length > most) return this.#changes.splice(0, most);
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** How many changes wait. */
  get waiting(): number {
    return this.#changes.length;
  }
}

function noneOf(): ReadonlyMap<TypeUrl, Set<string>> {
  return new Map(HOST_TYPES.map((type) => [type, new Set()]));
}
