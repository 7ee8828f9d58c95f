import type { MeshHost, MeshService } from '@isthmus/model';
import { ServiceList } from './service-order.ts';

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
export function visibleRank(service: MeshService): number {
  return reachOf(service) === 'all' ? 1 : 0;
}

/** Services by who may see them; within each list in order. */
class Shelves {
  readonly #public = new ServiceList();
  /** By namespace: its own private ones, and what others share with it. */
  readonly #shared = new Map<string, ServiceList>();

  change(service: MeshService, how: 'add' | 'remove'): void {
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

function change(lists: Map<string, ServiceList>, namespace: string, service: MeshService, how: 'add' | 'remove'): void {
  let list = lists.get(namespace);
  if (list === undefined) lists.set(namespace, (list = new ServiceList()));
  list[how](service);
  if (list.size === 0) lists.delete(namespace);
}

/** All services, by who may see them and by port: a listener asks for one port's, however many services there are. */
export class VisibleServices {
  readonly #services = new Map<MeshHost, MeshService>();
  readonly #all = new Shelves();
  readonly #byPort = new Map<number, Shelves>();

  get(host: MeshHost): MeshService | undefined {
    return this.#services.get(host);
  }

  hosts(): Iterable<MeshHost> {
    return this.#services.keys();
  }

  /** @returns what it was before */
  set(host: MeshHost, service: MeshService | undefined): MeshService | undefined {
    const before = this.#services.get(host);
    if (before !== undefined) this.#change(before, 'remove');
    if (service === undefined) this.#services.delete(host);
    else {
      this.#services.set(host, service);
      this.#change(service, 'add');
    }
    return before;
  }

  #change(service: MeshService, how: 'add' | 'remove'): void {
    this.#all.change(service, how);
    for (const { number } of service.ports) {
      let shelves = this.#byPort.get(number);
      if (shelves === undefined) this.#byPort.set(number, (shelves = new Shelves()));
      shelves.change(service, how);
    }
  }

  /** Its private ones and those shared with it, then the public ones; older first within each. */
  to(namespace: string): Iterable<MeshService> {
    return this.#all.to(namespace);
  }

  /** Those of `to` that have this port, in the same order. */
  on(namespace: string, port: number): Iterable<MeshService> {
    return this.#byPort.get(port)?.to(namespace) ?? [];
  }
}
