import type { MeshHost, MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import {
  bareClusters,
  bareEndpoints,
  clusterVariant,
  clustersOf,
  endpointVariant,
  endpointsOf,
  sniDnatClusters,
  sniDnatEndpoints,
} from '@isthmus/translate';
import type { ClusterDefaults, Proxy } from '@isthmus/translate';

type Rule = IstioObject<'DestinationRule'> | undefined;

/** What one service, as some proxies see it, was translated to under one rule. */
interface Made {
  readonly service: MeshService;
  readonly rule: Rule;
  variants: readonly { readonly key: string; readonly resources: readonly Resource[] }[];
}

/** What of a service is there beside what everybody has. */
interface Further {
  /** What the SNI names at an AUTO_PASSTHROUGH gateway. */
  readonly passesTls: boolean;
  /** Without circuit breaking, for callers whose process does it. */
  readonly bare: boolean;
}

const NOTHING: readonly Made[] = [];

/** Views of one service and rules for it that are kept; with more the oldest goes, and is made again if it is asked for. */
const MOST_KEPT = 16;

/**
 * Clusters and endpoints, made once for all groups that see the same of a service. Kept by host in lists that are as a rule
 * one long: a weak map for each service would cost more than the translation of a change.
 */
export class Translations {
  readonly #made = new Map<MeshHost, readonly Made[]>();
  readonly #mesh: ClusterDefaults;

  constructor(mesh: ClusterDefaults) {
    this.#mesh = mesh;
  }

  clusters(service: MeshService, rule: Rule, proxy: Proxy, { passesTls, bare }: Further): readonly Resource[] {
    const key = `clusters ${clusterVariant(service, rule, proxy, this.#mesh)}`;
    const clusters = this.#once(service, rule, key, () => clustersOf(service, rule, proxy, this.#mesh));
    if (!passesTls && !bare) return clusters;
    return [
      ...clusters,
      ...(passesTls ? this.#once(service, rule, `dnat ${key}`, () => sniDnatClusters(service, rule, proxy, this.#mesh)) : []),
      ...(bare ? this.#once(service, rule, `bare ${key}`, () => bareClusters(service, rule, proxy, this.#mesh)) : []),
    ];
  }

  endpoints(service: MeshService, rule: Rule, proxy: Proxy, { passesTls, bare }: Further): readonly Resource[] {
    const key = `endpoints ${endpointVariant(service, rule, proxy, this.#mesh)}`;
    const endpoints = this.#once(service, rule, key, () => endpointsOf(service, rule, proxy, this.#mesh));
    if (!passesTls && !bare) return endpoints;
    return [
      ...endpoints,
      ...(passesTls ? this.#once(service, rule, `dnat ${key}`, () => sniDnatEndpoints(service, rule, proxy)) : []),
      ...(bare ? this.#once(service, rule, `bare ${key}`, () => bareEndpoints(service, rule, proxy, this.#mesh)) : []),
    ];
  }

  /** The host has another service now, or none. */
  forget(host: MeshHost): void {
    this.#made.delete(host);
  }

  #once(service: MeshService, rule: Rule, key: string, make: () => readonly Resource[]): readonly Resource[] {
    const made = this.#madeOf(service, rule);
    const known = made.variants.find((variant) => variant.key === key);
    if (known !== undefined) return known.resources;
    const resources = make();
    made.variants = [...made.variants, { key, resources }]; // just as long: what is pushed to has room for sixteen more
    return resources;
  }

  #madeOf(service: MeshService, rule: Rule): Made {
    const known = this.#made.get(service.host) ?? NOTHING;
    const found = known.find((made) => made.service === service && made.rule === rule);
    if (found !== undefined) return found;
    const made: Made = { service, rule, variants: [] };
    this.#made.set(service.host, [...known.slice(1 - MOST_KEPT), made]);
    return made;
  }
}
