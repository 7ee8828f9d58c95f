import type { MeshService } from '@isthmus/model';

/** Istio's order of services: older first, then by name; registries do not tell an age. */
export function compareServices(a: MeshService, b: MeshService): number {
  return (
    (a.declared?.createdAt ?? 0) - (b.declared?.createdAt ?? 0) || compare(a.host, b.host) || compare(a.namespace, b.namespace)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A list that stays in order: a change costs a search and a move of memory, not a sort. */
export class ServiceList {
  readonly #list: MeshService[] = [];

  get items(): readonly MeshService[] {
    return this.#list;
  }

  get size(): number {
    return this.#list.length;
  }

  add(service: MeshService): void {
    this.#list.splice(this.#place(service), 0, service);
  }

  remove(service: MeshService): void {
    const at = this.#place(service);
    if (this.#list[at]?.host === service.host) this.#list.splice(at, 1);
  }

  /** In the place of the one with the same age and host. */
  replace(service: MeshService): void {
    const at = this.#place(service);
    if (this.#list[at]?.host === service.host) this.#list[at] = service;
  }

  /** The first that does not come before it. */
  #place(service: MeshService): number {
    let from = 0;
    let to = this.#list.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareServices(this.#list[middle] as MeshService, service) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
