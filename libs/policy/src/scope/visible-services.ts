import { ANYWHERE, isHttpLike, listenerPlaces, serviceAddresses } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import { listenerFacts } from './listener-facts.ts';
import { ServiceList, compareServices } from './service-order.ts';

/** Who may see a service: `exportTo` with `*` meaning all whatever else it says, and `~` nobody. */
type Reach = 'all' | 'nobody' | { readonly own: boolean; readonly others: readonly string[] };

function reachOf({ exportTo, namespace }: MeshService): Reach {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return 'all';
  if (exportTo.includes('~')) return 'nobody';
  const isOwn = (to: string): boolean => to === '.' || to === namespace;
  return { own: exportTo.some(isOwn), others: [...new Set(exportTo.filter((to) => !isOwn(to)))] };
}

export function isVisible(service: MeshService, namespace: string): boolean {
  const reach = reachOf(service);
  if (typeof reach === 'string') return reach === 'all';
  return service.namespace === namespace ? reach.own : reach.others.includes(namespace);
}

/** The order in which a namespace sees services: what is not for all comes first. */
function visibleRank(service: MeshService): number {
  return reachOf(service) === 'all' ? 1 : 0;
}

/** `replace`: nothing that decides where it stands is another than before. */
type How = 'add' | 'remove' | 'replace';

/** Services by who may see them; within each list in order. */
class Shelves {
  readonly #public = new ServiceList();
  /** By namespace: its own private ones, and what others share with it. */
  readonly #shared = new Map<string, ServiceList>();

  change(service: MeshService, how: How): void {
    const reach = reachOf(service);
    if (reach === 'all') return this.#public[how](service);
    if (reach === 'nobody') return;
    const namespaces = reach.own ? [service.namespace, ...reach.others] : reach.others;
    for (const namespace of namespaces) change(this.#shared, namespace, service, how);
  }

  *to(namespace: string): Iterable<MeshService> {
    yield* this.#shared.get(namespace)?.items ?? [];
    yield* this.#public.items;
  }
}

function change(lists: Map<string, ServiceList>, namespace: string, service: MeshService, how: How): void {
  let list = lists.get(namespace);
  if (list === undefined) lists.set(namespace, (list = new ServiceList()));
  list[how](service);
  if (list.size === 0) lists.delete(namespace);
}

const DIFFERENCE: Readonly<Record<How, number>> = { add: 1, remove: -1, replace: 0 };

/** Shelves by a key; empty ones are forgotten. */
class ShelvesBy<K> {
  readonly #shelves = new Map<K, { readonly shelves: Shelves; services: number }>();

  change(key: K, service: MeshService, how: How): void {
    let kept = this.#shelves.get(key);
    if (kept === undefined) this.#shelves.set(key, (kept = { shelves: new Shelves(), services: 0 }));
    kept.shelves.change(service, how);
    kept.services += DIFFERENCE[how];
    if (kept.services === 0) this.#shelves.delete(key);
  }

  to(key: K, namespace: string): Iterable<MeshService> {
    return this.#shelves.get(key)?.shelves.to(namespace) ?? [];
  }
}

/** All services, by who may see them and by listener: one asks for those that it is made of, however many services there are. */
export class VisibleServices {
  readonly #services = new Map<MeshHost, MeshService>();
  readonly #all = new Shelves();
  readonly #byPort = new ShelvesBy<number>();
  /** Those that speak HTTP on the port. */
  readonly #http = new ShelvesBy<number>();
  /** Those that do not, and have no address of their own, or a range. */
  readonly #shared = new ShelvesBy<number>();
  /** By `address_port`. */
  readonly #byAddress = new ShelvesBy<string>();

  get(host: MeshHost): MeshService | undefined {
    return this.#services.get(host);
  }

  hosts(): Iterable<MeshHost> {
    return this.#services.keys();
  }

  /** @returns what it was before */
  set(host: MeshHost, service: MeshService | undefined): MeshService | undefined {
    const before = this.#services.get(host);
    if (service === undefined) this.#services.delete(host);
    else this.#services.set(host, service);
    if (before !== undefined && service !== undefined && listenerFacts(before) === listenerFacts(service)) {
      this.#change(service, 'replace');
      return before;
    }
    if (before !== undefined) this.#change(before, 'remove');
    if (service !== undefined) this.#change(service, 'add');
    return before;
  }

  #change(service: MeshService, how: How): void {
    this.#all.change(service, how);
    const isShared = serviceAddresses(service).some((address) => address === ANYWHERE || address.includes('/'));
    for (const { number, protocol } of service.ports) {
      this.#byPort.change(number, service, how);
      if (isHttpLike(protocol)) this.#http.change(number, service, how);
      else if (isShared) this.#shared.change(number, service, how);
    }
    for (const place of listenerPlaces(service)) if (typeof place === 'string') this.#byAddress.change(place, service, how);
  }

  /** Its private ones and those shared with it, then the public ones; older first within each. */
  to(namespace: string): Iterable<MeshService> {
    return this.#all.to(namespace);
  }

  /** Those of `to` that have this port, in the same order. */
  on(namespace: string, port: number): Iterable<MeshService> {
    return this.#byPort.to(port, namespace);
  }

  /** Those of `on` that speak HTTP there. */
  httpOn(namespace: string, port: number): Iterable<MeshService> {
    return this.#http.to(port, namespace);
  }

  /** Those of `on` that do not, and have no address of their own, or a range. */
  sharedOn(namespace: string, port: number): Iterable<MeshService> {
    return this.#shared.to(port, namespace);
  }

  /** Those that take connections at `address_port`. */
  at(namespace: string, place: string): Iterable<MeshService> {
    return this.#byAddress.to(place, namespace);
  }
}

/** The order of `to`. */
export function compareVisible(a: MeshService, b: MeshService): number {
  return visibleRank(a) - visibleRank(b) || compareServices(a, b);
}
