import type { ListenerPlace, Resource } from '@isthmus/model';
import { LISTENER_TYPE, sidecarListenerKeys, sidecarListeners } from '@isthmus/translate';
import type { ProxyScope } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';

const NO_NAMES: readonly string[] = [];

/** The outbound listeners of a group of sidecars, by the place where each listens. Does nothing for other proxies. */
export class GroupListeners {
  readonly #scope: ProxyScope;
  /** By place: the names of its listeners. */
  readonly #names = new Map<ListenerPlace, readonly string[]>();
  readonly #dirty = new Set<ListenerPlace>();

  constructor(scope: ProxyScope) {
    this.#scope = scope;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  get #hasAny(): boolean {
    const { grpc, kind } = this.#scope.proxy;
    return !grpc && kind !== 'router';
  }

  /** All of them: another Sidecar applies, or the group is new; in steps. */
  *reset(): Generator<void> {
    if (!this.#hasAny) return;
    for (const place of this.#names.keys()) this.#dirty.add(place);
    for (const key of sidecarListenerKeys(this.#scope)) {
      if (key !== 'fixed' && key !== 'inbound') this.#dirty.add(key);
      yield;
    }
  }

  touch(places: Iterable<ListenerPlace>): void {
    if (this.#hasAny) for (const place of places) this.#dirty.add(place);
  }

  /** What changed since the last call. A place that changes while this goes on is made again, and counts as it was made last. */
  *compose(): Generator<void, readonly ResourceChange[]> {
    const gone = new Set<string>();
    const made = new Map<ListenerPlace, readonly Resource[]>();
    for (const place of this.#dirty) {
      this.#dirty.delete(place);
      const resources = sidecarListeners(this.#scope, place);
      for (const name of this.#names.get(place) ?? NO_NAMES) gone.add(name);
      made.set(place, resources);
      if (resources.length === 0) this.#names.delete(place);
      else
        this.#names.set(
          place,
          resources.map(({ name }) => name),
        );
      yield;
    }
    // With another Sidecar a listener may have moved from one place to another.
    const all = new Map([...made.values()].flat().map((resource) => [resource.name, resource]));
    const left = [...gone].filter((name) => !all.has(name));
    return [
      ...left.map((name) => ({ type: LISTENER_TYPE, name, resource: undefined })),
      ...[...all].map(([name, resource]) => ({ type: LISTENER_TYPE, name, resource })),
    ];
  }
}
