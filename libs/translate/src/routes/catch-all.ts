import { create, toBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema, VirtualHostSchema } from '@isthmus/proto/envoy';
import { OutboundTrafficPolicy_Mode } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { fieldHeader, joinParts } from '../fields.ts';
import { VIRTUAL_HOSTS } from '../virtual-hosts.ts';
import type { ProxyScope } from '../scope.ts';
import { timeouts } from './route-action.ts';
import { virtualHostParts } from './route-virtual-host.ts';

const EVERYTHING = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
const MAX_DIRECT_RESPONSE = 1024 * 1024;

/** What stands behind the virtual hosts of a sidecar's route. */
export const ROUTE_OPTIONS = options({
  // A route may arrive before a cluster that a registry only just named: the others must not wait for it.
  validateClusters: false,
  ignorePortInHostMatching: true,
  // What Istio lets a rule have; Envoy's own limit is 4 KiB.
  maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE,
});

/** Of a gateway for gRPC without a proxy, whose client compares ports. */
export const ROUTE_OPTIONS_WITH_PORTS = options({
  validateClusters: false,
  maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE,
});

/** A route that nobody has any more, while listeners that name it drain. */
export const EMPTY_ROUTE_OPTIONS = options({ validateClusters: false });

/** Istio's `block_all` (REGISTRY_ONLY) with a body that teaches: a host that no registry has must not leave by the explicit door. */
export const BLOCK_ALL_EXPLICIT = blockAll(
  'no service of the mesh has this Host; "isthmus explain HOST" says what the registries know of it\n',
);

/** Where nothing matches: through to where the caller meant to go, or an answer of 502. */
export function catchAll(scope: Pick<ProxyScope, 'mesh' | 'sidecar'>): Uint8Array {
  const own = scope.sidecar?.spec.outboundTrafficPolicy;
  const open = own === undefined ? scope.mesh.outbound === 'allow-any' : own.mode === OutboundTrafficPolicy_Mode.ALLOW_ANY;
  if (!open) return BLOCK_ALL;
  const proxy = own?.egressProxy;
  if (proxy === undefined) return ALLOW_ANY;
  return allowAny(`outbound|${proxy.port?.number ?? 0}|${proxy.subset}|${proxy.host}`);
}

const BLOCK_ALL = blockAll(undefined);
const ALLOW_ANY = allowAny('PassthroughCluster');

function allowAny(cluster: string): Uint8Array {
  return virtualHost({
    name: 'allow_any',
    match: EVERYTHING,
    action: { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: cluster }, ...timeouts(undefined) } },
  });
}

function blockAll(body: string | undefined): Uint8Array {
  const said = body === undefined ? {} : { body: { specifier: { case: 'inlineString' as const, value: body } } };
  return virtualHost({
    name: 'block_all',
    match: EVERYTHING,
    action: { case: 'directResponse', value: { status: 502, ...said } },
  });
}

function virtualHost(route: NonNullable<MessageInitShape<typeof VirtualHostSchema>['routes']>[number]): Uint8Array {
  const init = { name: route.name ?? '', domains: ['*'], routes: [route], includeRequestAttemptCount: true };
  const bytes = toBinary(VirtualHostSchema, create(VirtualHostSchema, init));
  return joinParts([fieldHeader(VIRTUAL_HOSTS, bytes.length), bytes]);
}

/** The answer of a gateway's port that no VirtualService uses: no route, hence 404. */
export function blackhole(port: number): Uint8Array {
  return joinParts(virtualHostParts(`blackhole:${port}`, ['*'], new Uint8Array()));
}

function options(init: MessageInitShape<typeof RouteConfigurationSchema>): Uint8Array {
  return toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, init));
}
