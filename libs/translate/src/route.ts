import { create, toBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { atOnce } from '@isthmus/model';
import type { Resource } from '@isthmus/model';
import { joinParts } from './fields.ts';
import { compareText, ordered } from './ordered.ts';
import { contentVersion } from './resource.ts';
import { routeResourceSteps } from './route-bytes.ts';
import { BLOCK_ALL_EXPLICIT } from './routes/catch-all.ts';
import type { EncodedVirtualHost } from './virtual-hosts.ts';

const OPTIONS = toBinary(
  RouteConfigurationSchema,
  create(RouteConfigurationSchema, {
    // A route may arrive before a cluster that a registry only just named: the others must not wait for it.
    validateClusters: false,
    ignorePortInHostMatching: true,
  }),
);

/** Of the explicit egress route: the mesh's door lets nothing else out. */
const TAIL = joinParts([BLOCK_ALL_EXPLICIT, OPTIONS]);

/** Virtual hosts handled between two chances for the event loop. */
const HOSTS_A_STEP = 250;

/** One RouteConfiguration out of encoded virtual hosts, in any order; one of each name is taken, since Envoy refuses all for a double. */
export function composeRoute(name: string, virtualHosts: readonly EncodedVirtualHost[], tail?: Uint8Array): Resource {
  return atOnce(composeRouteSteps(name, ordered(virtualHosts, compareVirtualHosts), tail));
}

/**
 * `composeRoute` in steps, for thousands of hosts.
 * @param sorted by `compareVirtualHosts`; must not change until the end
 * @param tail encoded fields behind the virtual hosts: the catch-all and the route's options
 */
export function* composeRouteSteps(
  name: string,
  sorted: readonly EncodedVirtualHost[],
  tail: Uint8Array = TAIL,
): Generator<void, Resource> {
  const hosts: EncodedVirtualHost[] = [];
  const versions: string[] = [];
  let previous: string | undefined;
  for (const [index, host] of sorted.entries()) {
    if (index % HOSTS_A_STEP === HOSTS_A_STEP - 1) yield;
    if (host.name === previous) continue;
    previous = host.name;
    versions.push(host.version);
    hosts.push(host);
  }
  yield;
  // The hosts' versions stand for their bytes: hashing megabytes again for one new host would be waste.
  const version = contentVersion(`${name} ${versions.join()} ${contentVersion(tail)}`);
  const front = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
  return yield* routeResourceSteps(name, version, front, hosts, tail);
}

/** The order of virtual hosts within a route. */
export function compareVirtualHosts(a: EncodedVirtualHost, b: EncodedVirtualHost): number {
  return compareText(a.name, b.name) || compareText(a.version, b.version);
}
