import type { ViewEndpoint } from '@isthmus/contract';
import { nacosName } from './nacos-client.ts';
import type { NacosClient, NacosHostReactor, NacosServiceInfo } from './nacos-client.ts';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, listOf, textOf, zoneOf } from './values.ts';

/** Services whose answers are followed; of others nothing is told. */
const MOST_SERVICES = 1_024;

interface FollowedService {
  /** Keys of its caches, one for each set of clusters that was asked for. */
  readonly caches: Set<string>;
  /** Of each cache, ms of Nacos's clock. */
  readonly lastRefTime: Map<string, number>;
}

/** Follows what Nacos answers and pushes to one client: all of it passes `processServiceJSON`. */
export class NacosAnswers {
  readonly #client: NacosClient;
  readonly #reactor: NacosHostReactor;
  readonly #observer: RegistryObserver;
  readonly #services = new Map<string, FollowedService>();
  #dropped: { readonly key: string; readonly info: NacosServiceInfo } | undefined;

  constructor(client: NacosClient, reactor: NacosHostReactor, observer: RegistryObserver) {
    this.#client = client;
    this.#reactor = reactor;
    this.#observer = observer;
  }

  follow(): void {
    const watcher = {
      before: (_: unknown, [json]: readonly unknown[]) => this.#before(json),
      after: (_: unknown, __: unknown, result: unknown) => this.#after(result),
    };
    tap(this.#reactor, 'processServiceJSON', watcher, this.#observer.fault);
  }

  /** Only an answer without hosts is read twice: that is the one which the client drops. */
  #before(json: unknown): void {
    this.#dropped = undefined;
    if (typeof json !== 'string' || !/"hosts"\s*:\s*\[\s*\]/.test(json)) return;
    const answer = fieldsOf(JSON.parse(json));
    const key = keyOf(textOf(answer['name']) || textOf(answer['dom']), textOf(answer['clusters']));
    const info = this.#reactor._serviceInfoMap?.get(key);
    if (info !== undefined) this.#dropped = { key, info };
  }

  #after(result: unknown): void {
    const dropped = this.#dropped;
    this.#dropped = undefined;
    const info = (result ?? dropped?.info) as NacosServiceInfo | undefined;
    if (info === undefined || !Array.isArray(info.hosts)) return;
    const name = nacosName(this.#client, info.name);
    if (
      dropped !== undefined &&
      dropped.info.hosts.length > 0 &&
      this.#reactor._serviceInfoMap?.get(dropped.key) === dropped.info
    )
      this.#observer.bug(
        name,
        'nacos-last-removal-missed',
        `Nacos answered that nobody is left, and it keeps ${dropped.info.hosts.length} and tells no listener; from the rung discovery on the mesh's view is called`,
      );
    const service = this.#serviceOf(info.name);
    if (service === undefined) return;
    const key = keyOf(info.name, info.clusters ?? '');
    service.caches.add(key);
    const last = service.lastRefTime.get(key) ?? 0;
    if (info.lastRefTime < last)
      this.#observer.bug(
        name,
        'nacos-older-answer-taken',
        `it took an answer that is ${last - info.lastRefTime} ms older than the one it had; it is right again with the next`,
      );
    service.lastRefTime.set(key, info.lastRefTime);
    this.#tell(name, service);
  }

  /** One view of all caches: the application may call what is in any of them. */
  #tell(name: string, { caches }: FollowedService): void {
    const views = [...caches].map((key) => listOf(this.#reactor._serviceInfoMap?.get(key)?.hosts).map(nacosEndpoint));
    const [first = []] = views;
    if (views.length === 1) return this.#observer.view(name, first);
    const places = views.map((view) => new Set(view.map(placeOf)));
    const all = new Map(views.flat().map((endpoint) => [placeOf(endpoint), endpoint]));
    if (places.some((one) => one.size < all.size))
      this.#observer.bug(
        name,
        'nacos-caches-differ',
        `subscribe and getAllInstances ask for different clusters and see ${places.map(({ size }) => size).join(' and ')} instances; give both the same clusters`,
      );
    this.#observer.view(name, [...all.values()]);
  }

  #serviceOf(name: string): FollowedService | undefined {
    const known = this.#services.get(name);
    if (known !== undefined || this.#services.size >= MOST_SERVICES) return known;
    const made: FollowedService = { caches: new Set(), lastRefTime: new Map() };
    this.#services.set(name, made);
    return made;
  }
}

/** A second lookup while the first is under way waits for an event that an empty service never sends. */
export function followLookups(client: NacosClient, reactor: NacosHostReactor, observer: RegistryObserver): void {
  const failed = (_: unknown, [name]: readonly unknown[], error: unknown): void => {
    if (!textOf(fieldsOf(error)['message']).startsWith('Timeout waiting for event')) return;
    observer.bug(
      nacosName(client, textOf(name)),
      'nacos-lookup-stuck',
      'a lookup beside another one of a service without instances failed after 30 s; look it up once, or subscribe',
    );
  };
  tap(reactor, 'getServiceInfo', { failed }, observer.fault);
}

/** `close()` while a service is asked for the first time: its timer is started afterwards and never stopped. */
export function followPolling(client: NacosClient, reactor: NacosHostReactor, observer: RegistryObserver): void {
  let closed = false;
  const { fault } = observer;
  tap(reactor, '_close', { before: () => void (closed = true) }, fault);
  const after = (_: unknown, [name]: readonly unknown[]): void => {
    if (!closed) return;
    observer.bug(
      nacosName(client, textOf(name)),
      'nacos-polls-after-close',
      'it was closed while a service was looked up and goes on polling it, which keeps the process alive; look up first, then close, or end the process',
    );
  };
  tap(reactor, '_scheduleUpdateIfAbsent', { after }, fault);
}

function nacosEndpoint(value: unknown): ViewEndpoint {
  const host = fieldsOf(value);
  const metadata = fieldsOf(host['metadata']);
  return {
    address: textOf(host['ip']),
    port: Number(host['port']),
    weight: Number(host['weight'] ?? 1),
    healthy: host['healthy'] === true && host['enabled'] !== false,
    zone: zoneOf(metadata),
    protocol: textOf(metadata['protocol']) || (metadata['secure'] === 'true' ? 'https' : ''),
  };
}

function placeOf({ address, port }: ViewEndpoint): string {
  return `${address}:${port}`;
}

function keyOf(name: string, clusters: string): string {
  return clusters === '' ? name : `${name}@@${clusters}`;
}
