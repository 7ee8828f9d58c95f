import type { KeptSlice } from './kept.ts';

/** The slices of every Service, and which Services a Pod is in. */
export class SliceIndex {
  /** By `namespace/name` of the Service, then of the slice. */
  readonly #byService = new Map<string, Map<string, KeptSlice>>();
  readonly #serviceOf = new Map<string, string>();
  readonly #usersOf = new Map<string, Map<string, number>>();

  of(service: string): Iterable<KeptSlice> {
    return this.#byService.get(service)?.values() ?? [];
  }

  /** Services that have an endpoint on this Pod. */
  servicesOfPod(pod: string): Iterable<string> {
    return this.#usersOf.get(pod)?.keys() ?? [];
  }

  /** Walks everything: nodes change where they are about never. */
  servicesOnNode(node: string): ReadonlySet<string> {
    const services = new Set<string>();
    for (const [service, slices] of this.#byService) {
      for (const slice of slices.values()) if (slice.endpoints.some((endpoint) => endpoint.node === node)) services.add(service);
    }
    return services;
  }

  services(): Iterable<string> {
    return this.#byService.keys();
  }

  /** The Services that the change concerns: two when a slice was handed from one to another. */
  put(key: string, slice: KeptSlice): readonly string[] {
    const before = this.remove(key);
    this.#serviceOf.set(key, slice.service);
    let slices = this.#byService.get(slice.service);
    if (slices === undefined) this.#byService.set(slice.service, (slices = new Map()));
    slices.set(key, slice);
    this.#count(slice, 1);
    return before === undefined || before === slice.service ? [slice.service] : [before, slice.service];
  }

  /** The Service that it was of. */
  remove(key: string): string | undefined {
    const service = this.#serviceOf.get(key);
    if (service === undefined) return undefined;
    this.#serviceOf.delete(key);
    const slices = this.#byService.get(service);
    const slice = slices?.get(key);
    slices?.delete(key);
    if (slices?.size === 0) this.#byService.delete(service);
    if (slice !== undefined) this.#count(slice, -1);
    return service;
  }

  /** A Pod is in a Service as often as its endpoints name it there (two address families, two slices). */
  #count({ service, endpoints }: KeptSlice, by: 1 | -1): void {
    for (const { pod } of endpoints) {
      if (pod === '') continue;
      let users = this.#usersOf.get(pod);
      if (users === undefined) this.#usersOf.set(pod, (users = new Map()));
      const times = (users.get(service) ?? 0) + by;
      if (times > 0) users.set(service, times);
      else users.delete(service);
      if (users.size === 0) this.#usersOf.delete(pod);
    }
  }
}
