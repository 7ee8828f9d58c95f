import { ANYWHERE, isHttpLike, listenerPlaces, serviceAddresses } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import { ServiceList, compareServices } from './service-order.ts';
import type { HeldService } from './service-order.ts';

/** Who may see a service: `exportTo` with `*` meaning all whatever else it says, and `~` nobody. */
type Reach = 'all' | 'nobody' | { readonly own: boolean; readonly others: readonly string[] };

function reachOf({ exportTo, namespace }: MeshService): Reach {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return 'all';
  if (exportTo.includes('~')) return 'nobody';
  const isOwn = (to: string): boolean => to === '.' || to === namespace;
  return { own: exportTo.some(isOwn), others: [...new Set(exportTo.filter((to) => !isOwn(to)))] };
}

export function isVisible(service: MeshService, namespace: string): boolean {
  if (service.exportTo === undefined) return true;
  const reach = reachOf(service);
  if (typeof reach === 'string') return reach === 'all';
  return service.namespace === namespace ? reach.own : reach.others.includes(namespace);
}

/** The order in which a namespace sees services: what is not for all comes first. */
function visibleRank(service: MeshService): number {
  return reachOf(service) === 'all' ? 1 : 0;
}

type How = 'add' | 'remove';

/** Services by who may see them; within each list in order. */
class Shelves {
  readonly #public = new ServiceList();
  /** By namespace: its own private ones, and what others share with it. */
  readonly #shared = new Map<string, ServiceList>();

  change(held: HeldService, how: How): void {
    const { service } = held;
    const reach = reachOf(service);
    if (reach === 'all') return this.#public[how](held);
    if (reach === 'nobody') return;
    const namespaces = reach.own ? [service.namespace, ...reach.others] : reach.others;
    for (const namespace of namespaces) change(this.#shared, namespace, held, how);
  }

  *to(namespace: string): Iterable<MeshService> {
    yield* servicesOf(this.#shared.get(namespace)?.pieces ?? []);
    yield* servicesOf(this.#public.pieces);
  }

  /** As `to`, of this moment: copying the lists is some µs, taking 10,000 services out of them and looking at each is many ms. */
  toNow(namespace: string): Iterable<MeshService> {
    const pieces = [...(this.#shared.get(namespace)?.pieces ?? []), ...this.#public.pieces];
    return servicesOf(pieces.map((piece) => [...piece]));
  }
}

function* servicesOf(pieces: ServiceList['pieces']): Iterable<MeshService> {
  for (const piece of pieces) for (const { service } of piece) yield service;
}

function change(lists: Map<string, ServiceList>, namespace: string, held: HeldService, how: How): void {
  let list = lists.get(namespace);
  if (list === undefined) lists.set(namespace, (list = new ServiceList()));
  list[how](held);
  if (list.size === 0) lists.delete(namespace);
}

const DIFFERENCE: Readonly<Record<How, number>> = { add: 1, remove: -1 };

/** Shelves by a key; empty ones are forgotten. */
class ShelvesBy<K> {
  readonly #shelves = new Map<K, { readonly shelves: Shelves; services: number }>();

  change(key: K, held: HeldService, how: How): void {
    let kept = this.#shelves.get(key);
    if (kept === undefined) this.#shelves.set(key, (kept = { shelves: new Shelves(), services: 0 }));
    kept.shelves.change(held, how);
    kept.services += DIFFERENCE[how];
    if (kept.services === 0) this.#shelves.delete(key);
  }

  to(key: K, namespace: string): Iterable<MeshService> {
    return this.#shelves.get(key)?.shelves.to(namespace) ?? [];
  }

  toNow(key: K, namespace: string): Iterable<MeshService> {
    return this.#shelves.get(key)?.shelves.toNow(namespace) ?? [];
  }
}

/** All services, by who may see them and by listener: one asks for those that it is made of, however many services there are. */
export class VisibleServices {
  /** What is on the shelves: a service whose place is as before is exchanged here for all of them. */
  readonly #services = new Map<MeshHost, HeldService>();
  readonly #all = new Shelves();
  readonly #byPort = new ShelvesBy<number>();
  /** Those that speak HTTP on the port. */
  readonly #http = new ShelvesBy<number>();
  /** Those that do not, and have no address of their own, or a range. */
  readonly #shared = new ShelvesBy<number>();
  /** By `address_port`. */
  readonly #byAddress = new ShelvesBy<string>();

  get(host: MeshHost): MeshService | undefined {
    return this.#services.get(host)?.service;
  }

  hosts(): Iterable<MeshHost> {
    return this.#services.keys();
  }

  /** @param alike nothing that a listener depends on, and so nothing that decides where it stands, is another than before */
  set(host: MeshHost, service: MeshService | undefined, alike: boolean): void {
    const held = this.#services.get(host);
    if (alike && held !== undefined && service !== undefined) {
      held.service = service;
      return;
    }
    if (held !== undefined) this.#change(held, 'remove');
    this.#services.delete(host);
    if (service === undefined) return;
    const added = { service };
    this.#services.set(host, added);
    this.#change(added, 'add');
  }

  #change(held: HeldService, how: How): void {
    const { service } = held;
    this.#all.change(held, how);
    const isShared = serviceAddresses(service).some((address) => address === ANYWHERE || address.includes('/'));
    for (const { number, protocol } of service.ports) {
      this.#byPort.change(number, held, how);
      if (isHttpLike(protocol)) this.#http.change(number, held, how);
      else if (isShared) this.#shared.change(number, held, how);
    }
    for (const place of listenerPlaces(service)) if (typeof place === 'string') this.#byAddress.change(place, held, how);
  }

  /** Its private ones and those shared with it, then the public ones; older first within each. */
  to(namespace: string): Iterable<MeshService> {
    return this.#all.to(namespace);
  }

  /** As `to`, or `on` where a port is given; of this moment, to be taken over many turns of the loop. */
  now(namespace: string, port: number | undefined): Iterable<MeshService> {
    return port === undefined ? this.#all.toNow(namespace) : this.#byPort.toNow(port, namespace);
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
