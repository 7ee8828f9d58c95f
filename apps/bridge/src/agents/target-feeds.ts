import type { ViewEndpoint } from '@isthmus/contract';
import { viewHash } from '@isthmus/ladder';
import { formatLocality, takesTraffic } from '@isthmus/model';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { TargetId } from '@isthmus/plans';

/** The mesh's view of a target, encoded once for all who are told of it. */
export interface TargetFeed {
  readonly target: TargetId;
  readonly hash: string;
  readonly endpoints: readonly ViewEndpoint[];
  /** Data of the events `endpoints` and `view`. */
  readonly endpointsJson: string;
  readonly viewJson: string;
}

/** Who is told when a view is another. */
export interface FeedUser {
  viewChanged(feed: TargetFeed): void;
}

export interface TargetFeedsOptions {
  readonly merged: (host: MeshHost) => MeshService | undefined;
  /** A view that somebody uses is new or another. */
  readonly made: (feed: TargetFeed) => void;
  /** Nobody uses it any more. */
  readonly unused: (target: TargetId) => void;
}

interface Held {
  feed: TargetFeed;
  readonly users: Set<FeedUser>;
}

/** Views of the targets that somebody is told of. A change of a service pays for those of its own targets, and of others nothing. */
export class TargetFeeds {
  readonly #options: TargetFeedsOptions;
  /** By host, then by port. */
  readonly #feeds = new Map<string, Map<number, Held>>();

  constructor(options: TargetFeedsOptions) {
    this.#options = options;
  }

  /** Kept up to date until its last user lets it go. */
  use(target: TargetId, user: FeedUser): void {
    const ports = this.#feeds.get(target.host) ?? new Map<number, Held>();
    this.#feeds.set(target.host, ports);
    const held = ports.get(target.port);
    if (held !== undefined) {
      held.users.add(user);
      return;
    }
    const feed = this.#make(target);
    ports.set(target.port, { feed, users: new Set([user]) });
    this.#options.made(feed);
  }

  /** Of a target that is in use. */
  of({ host, port }: TargetId): TargetFeed | undefined {
    return this.#feeds.get(host)?.get(port)?.feed;
  }

  letGo(target: TargetId, user: FeedUser): void {
    const ports = this.#feeds.get(target.host);
    const held = ports?.get(target.port);
    if (ports === undefined || held === undefined) return;
    held.users.delete(user);
    if (held.users.size > 0) return;
    ports.delete(target.port);
    if (ports.size === 0) this.#feeds.delete(target.host);
    this.#options.unused(target);
  }

  /** Hosts whose services may be others. */
  touch(hosts: Iterable<MeshHost>): void {
    if (this.#feeds.size === 0) return;
    for (const host of hosts) {
      for (const held of this.#feeds.get(host)?.values() ?? []) {
        const feed = this.#make(held.feed.target);
        if (feed.hash === held.feed.hash) continue;
        held.feed = feed;
        this.#options.made(feed);
        for (const user of held.users) user.viewChanged(feed);
      }
    }
  }

  #make(target: TargetId): TargetFeed {
    const { host, port } = target;
    const endpoints = viewOf(this.#options.merged(host as MeshHost), port);
    const hash = viewHash(endpoints);
    return {
      target,
      hash,
      endpoints,
      endpointsJson: JSON.stringify({ host, port, hash, endpoints }),
      viewJson: JSON.stringify({ host, port, hash, endpoints: endpoints.length }),
    };
  }
}

/** All that the registries list, those that take no traffic too: an SDK may still call them, and its call is to be recognised. */
function viewOf(service: MeshService | undefined, port: number): readonly ViewEndpoint[] {
  const name = service?.ports.find(({ number }) => number === port)?.name;
  if (service === undefined || name === undefined) return [];
  return service.endpoints
    .filter(({ portName }) => portName === name)
    .map(({ endpoint }) => ({
      address: endpoint.address,
      port: endpoint.port,
      weight: endpoint.weight,
      healthy: takesTraffic(endpoint),
      zone: formatLocality(endpoint.locality),
      protocol: endpoint.protocol,
    }));
}
