import { create, toBinary } from '@bufbuild/protobuf';
import { ApiVersion, Cluster_DiscoveryType, ClusterSchema } from '@isthmus/proto/envoy';
import type { Resource, TypeUrl } from '@isthmus/model';
import type { Resources } from './push.ts';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

/** ms that a returning client's clusters wait for its list of endpoints, which Envoy sends right after. */
const MAX_WAIT = 200;
/** ms after which its old clusters go, whether it has our routes or not. */
const MAX_KEEP = 15_000;

/**
 * A state-of-the-world Envoy that comes back after we were restarted: what is missing in the answer to CDS is deleted, although
 * the routes that it goes by still name it. Which clusters it has, its subscription to endpoints tells; what they are, only it
 * knows. So the ones that we do not know are listed as clusters without endpoints yet: Envoy warms those and goes on with
 * what it has. When it has accepted our listeners and routes, the endpoints are answered (there are none), which ends the
 * warming, and the next answer is without them. Until then it answers nothing about clusters: new ones follow all the same, each
 * response with the kept ones, since routes to them wait for their endpoints only.
 */
export class ReturningClient {
  #state: 'unknown' | 'waits' | 'keeps' | 'settled' = 'unknown';
  #since = 0;
  /** Of the view when the clusters were chosen: routes of it name none that is kept. */
  #revision = 0;
  readonly #kept = new Map<string, Resource>();

  /** @param has the client said that it has clusters of an earlier stream */
  clustersAsked(has: boolean, now: number): void {
    if (this.#state !== 'unknown') return;
    this.#state = has ? 'waits' : 'settled';
    this.#since = now;
  }

  /** Old clusters are kept: the answer to CDS comes when they are gone, so it tells nothing of new ones. */
  get keeps(): boolean {
    return this.#state === 'keeps';
  }

  isKept(name: string): boolean {
    return this.#kept.has(name);
  }

  /** Before clusters are pushed. @returns ms to wait with that for the list of endpoints; 0: go on */
  beforeClusters(endpoints: TypeStream | undefined, known: readonly Resources[], revision: number, now: number): number {
    if (this.#state !== 'waits') return 0;
    const left = this.#since + MAX_WAIT - now;
    if (endpoints === undefined && left > 0) return left;
    for (const name of endpoints?.subscription.names ?? [])
      if (!known.some((resources) => resources.has(name))) this.#kept.set(name, withoutEndpoints(name));
    this.#revision = revision;
    endpoints?.subscription.postpone((name) => this.#kept.has(name));
    this.#state = this.#kept.size > 0 ? 'keeps' : 'settled';
    return 0;
  }

  /** Retiring clusters, the kept ones included. */
  with(retiring: Resources): Resources {
    return this.keeps ? new Map([...retiring, ...this.#kept]) : retiring;
  }

  /**
   * Lets the kept clusters go, once the client goes by our routes.
   * @returns ms after which to look again
   */
  release(types: ReadonlyMap<TypeUrl, TypeStream>, now: number): number {
    if (!this.keeps) return 0;
    const routes = [types.get(LDS), types.get(RDS)].flatMap((stream) => stream ?? []);
    const accepted = routes.length > 0 && routes.every((stream) => stream.acceptedThrough >= this.#revision);
    const left = this.#since + MAX_KEEP - now;
    if (!accepted && left > 0) return left;
    const names = [...this.#kept.keys()];
    this.#kept.clear();
    this.#state = 'settled';
    for (const name of names) types.get(EDS)?.subscription.ask(name);
    types.get(CDS)?.subscription.released(names);
    return 0;
  }
}

function withoutEndpoints(name: string): Resource {
  const message = create(ClusterSchema, {
    name,
    connectTimeout: { seconds: 1n },
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: {
        configSourceSpecifier: { case: 'ads', value: {} },
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: { seconds: 0n }, // it warms until we answer
      },
    },
  });
  return { name, version: 'kept', bytes: toBinary(ClusterSchema, message) };
}
