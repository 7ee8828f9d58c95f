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

/** The service as it is now: lists share it, so that one whose place is as before is exchanged in all of them at once. */
export interface HeldService {
  service: MeshService;
}

/** Beyond so many a sort costs less than the moves of memory. */
const MOST_MOVES = 16;

/** A list in order: one change costs a search and a move of memory, many between two looks at it one sort. */
export class ServiceList {
  readonly #list: HeldService[] = [];
  /** Not in the list yet. */
  #added: HeldService[] = [];

  get items(): readonly Readonly<HeldService>[] {
    this.#settle();
    return this.#list;
  }

  get size(): number {
    return this.#list.length + this.#added.length;
  }

  add(held: HeldService): void {
    this.#added.push(held);
  }

  remove(held: HeldService): void {
    this.#settle();
    const at = this.#place(held.service);
    if (this.#list[at] === held) this.#list.splice(at, 1);
  }

  #settle(): void {
    const added = this.#added;
    if (added.length === 0) return;
    this.#added = [];
    if (added.length <= MOST_MOVES) for (const held of added) this.#list.splice(this.#place(held.service), 0, held);
    else {
      for (const held of added) this.#list.push(held);
      this.#list.sort((a, b) => compareServices(a.service, b.service));
    }
  }

  /** The first that does not come before it. */
  #place(service: MeshService): number {
    let from = 0;
    let to = this.#list.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareServices((this.#list[middle] as HeldService).service, service) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
