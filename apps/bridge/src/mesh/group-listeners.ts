import type { ListenerPlace } from '@isthmus/model';
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

  /** All of them: another Sidecar applies, or the group is new. */
  reset(): void {
    for (const place of this.#names.keys()) this.#dirty.add(place);
    for (const key of sidecarListenerKeys(this.#scope)) if (key !== 'fixed' && key !== 'inbound') this.#dirty.add(key);
  }

  touch(places: Iterable<ListenerPlace>): void {
    for (const place of places) this.#dirty.add(place);
  }

  /** What changed since the last call. */
  *compose(): Generator<void, readonly ResourceChange[]> {
    const gone = new Set<string>();
    const made = new Map<string, ResourceChange>();
    for (const place of this.#dirty) {
      this.#dirty.delete(place);
      if (this.#scope.proxy.grpc || this.#scope.proxy.kind === 'router') continue;
      const resources = sidecarListeners(this.#scope, place);
      for (const name of this.#names.get(place) ?? NO_NAMES) gone.add(name);
      for (const resource of resources) made.set(resource.name, { type: LISTENER_TYPE, name: resource.name, resource });
      if (resources.length === 0) this.#names.delete(place);
      else
        this.#names.set(
          place,
          resources.map(({ name }) => name),
        );
      yield;
    }
    // With another Sidecar a listener may have moved from one place to another.
    const left = [...gone].filter((name) => !made.has(name));
    return [...left.map((name) => ({ type: LISTENER_TYPE, name, resource: undefined })), ...made.values()];
  }
}
