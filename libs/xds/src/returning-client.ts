import { create, toBinary } from '@bufbuild/protobuf';
import { ApiVersion, Cluster_DiscoveryType, ClusterSchema } from '@isthmus/proto/envoy';
import type { Resource, TypeUrl } from '@isthmus/model';
import type { DiscoveryRequest, SotwRequest } from './discovery-request.ts';
import { MAX_HOLD } from './push-order.ts';
import type { Resources } from './push.ts';
import type { NodeInfo } from './resource-provider.ts';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

/** ms that one of a returning client's first requests waits for another: Envoy sends all of them in one turn, and may be starved. */
const MAX_WAIT = 2_000;
/** ms after which its old clusters go, whether it has our routes or not: a starved Envoy takes seconds for them. */
const MAX_KEEP = 60_000;
/** The same for a client that asks for no routes. */
const MAX_KEEP_ALONE = 15_000;
/** ms after which a client that never said a word about clusters is taken for one that has them from elsewhere. */
const MAX_SILENCE = 60_000;

/** What an Envoy would ask if its clusters did not warm. */
const PRESUMED: SotwRequest = {
  transport: 'sotw',
  node: undefined,
  type: CDS,
  nonce: '',
  error: undefined,
  version: 'of another stream',
  names: [],
};

const WAITS_FOR_CLUSTERS: ReadonlySet<string> = new Set([EDS, LDS, RDS]);

/**
 * A state-of-the-world Envoy that comes back after we were restarted: what is missing in the answer to CDS is deleted, although
 * the routes that it goes by still name it. Which clusters it has, its subscription to endpoints tells; what they are, only it
 * knows. So the ones that we do not know are listed as clusters without endpoints yet: Envoy warms those and goes on with
 * what it has. When it has accepted our listeners and routes, the endpoints are answered (there are none), which ends the
 * warming, and the next answer is without them. Until then it answers nothing about clusters: new ones follow all the same, each
 * response with the kept ones, since routes to them wait for their endpoints only.
 *
 * An Envoy whose clusters warm as it comes back, since we were killed twice in a row, asks for all but clusters: it holds that
 * request back until nothing warms (`ClusterManagerImpl::updateClusterCounts` pauses CDS). Clusters come before routes there
 * too, so they are sent unasked, which it takes. In delta what warms gets an answer in any case, and routes just wait for the
 * request.
 */
export class ReturningClient {
  /** `silent`: it asks for other types, as who was here before. */
  #state: 'unknown' | 'silent' | 'waits' | 'keeps' | 'settled' = 'unknown';
  readonly #hasAllTypes: boolean;
  #since = 0;
  #presumed = false;
  #hasClusters = false;
  /** Of the view when the clusters were chosen: routes of it name none that is kept. */
  #revision = 0;
  readonly #kept = new Map<string, Resource>();

  /** @param hasAllTypes over its stream */
  constructor(hasAllTypes: boolean) {
    this.#hasAllTypes = hasAllTypes;
  }

  /** To be called after the subscription has taken the request. */
  asked(request: DiscoveryRequest, stream: TypeStream, { userAgent }: NodeInfo, now: number): void {
    const { type, subscription } = stream;
    const has = request.transport === 'sotw' ? request.version !== '' : request.initialVersions.size > 0;
    if (type === CDS) this.#presumed = request === PRESUMED;
    if (type === CDS && stream.sentVersion === undefined) this.#hasClusters = has;
    if (!this.#hasAllTypes || (this.#state !== 'unknown' && (this.#state !== 'silent' || type !== CDS))) return;
    if (type === CDS) this.#state = has && request.transport === 'sotw' && subscription.wildcard ? 'waits' : 'settled';
    else if (has && userAgent.startsWith('envoy') && WAITS_FOR_CLUSTERS.has(type)) this.#state = 'silent';
    else return;
    this.#since = now;
  }

  /** Before another type is pushed. @returns ms to wait with that for a word about clusters; 0: go on */
  beforeOthers(type: TypeUrl, now: number): number {
    if (this.#state !== 'silent' || !WAITS_FOR_CLUSTERS.has(type)) return 0;
    const silent = now - this.#since;
    if (silent < MAX_WAIT) return MAX_WAIT - silent;
    return type === EDS ? 0 : Math.max(0, MAX_HOLD - silent);
  }

  /** @returns what a silent client is taken to ask for now */
  presume(types: ReadonlyMap<TypeUrl, TypeStream>, transport: 'sotw' | 'delta', now: number): SotwRequest | undefined {
    if (this.#state !== 'silent' || now < this.#since + MAX_WAIT) return undefined;
    if (!types.has(EDS)) this.#state = 'settled'; // it has nothing that warms
    return this.#state === 'silent' && transport === 'sotw' ? PRESUMED : undefined;
  }

  /** It has clusters from an earlier stream, and probably routes to them. */
  get hasClusters(): boolean {
    return this.#hasClusters;
  }

  /** Old clusters are kept. */
  get keeps(): boolean {
    return this.#state === 'keeps';
  }

  /**
   * Its answer to CDS is not worth waiting for. While clusters are kept it comes when they are gone, so it tells nothing of new ones;
   * and who has no such subscription never answers.
   */
  isMute(now: number): boolean {
    return this.keeps || (this.#presumed && now >= this.#since + MAX_SILENCE);
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

  /** Retiring clusters, the kept ones included: those that are still not in the view. */
  with(retiring: Resources, view: Resources): Resources {
    if (!this.keeps) return retiring;
    for (const name of this.#kept.keys()) if (view.has(name) || retiring.has(name)) this.#kept.delete(name);
    return new Map([...retiring, ...this.#kept]);
  }

  /**
   * Lets the kept clusters go, once the client goes by our routes.
   * @returns ms after which to look again
   */
  release(types: ReadonlyMap<TypeUrl, TypeStream>, now: number): number {
    if (!this.keeps) return 0;
    const routes = [types.get(LDS), types.get(RDS)].flatMap((stream) => stream ?? []);
    const accepted = routes.length > 0 && routes.every((stream) => stream.acceptedThrough >= this.#revision);
    const left = this.#since + (routes.length > 0 ? MAX_KEEP : MAX_KEEP_ALONE) - now;
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
