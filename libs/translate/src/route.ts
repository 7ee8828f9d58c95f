import { create, toBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema, VirtualHostSchema } from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import { fieldHeader, joinParts } from './fields.ts';
import { compareText, ordered } from './ordered.ts';
import { contentVersion } from './resource.ts';
import { VIRTUAL_HOSTS } from './virtual-hosts.ts';
import type { EncodedVirtualHost } from './virtual-hosts.ts';

/** Istio's `block_all` (REGISTRY_ONLY): a host that no registry has must not leave by the mesh's door. */
const BLOCK_ALL = toBinary(
  VirtualHostSchema,
  create(VirtualHostSchema, {
    name: 'block_all',
    domains: ['*'],
    routes: [
      {
        name: 'block_all',
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: {
          case: 'directResponse',
          value: {
            status: 502,
            body: {
              specifier: {
                case: 'inlineString',
                value: 'no service of the mesh has this Host; "isthmus explain HOST" says what the registries know of it\n',
              },
            },
          },
        },
      },
    ],
    includeRequestAttemptCount: true,
  }),
);
const CATCH_ALL = joinParts([fieldHeader(VIRTUAL_HOSTS, BLOCK_ALL.length), BLOCK_ALL]);

const OPTIONS = toBinary(
  RouteConfigurationSchema,
  create(RouteConfigurationSchema, {
    // A route may arrive before a cluster that a registry only just named: the others must not wait for it.
    validateClusters: false,
    ignorePortInHostMatching: true,
  }),
);

/** One RouteConfiguration out of encoded virtual hosts, in any order; one of each name is taken, since Envoy refuses all for a double. */
export function composeRoute(name: string, virtualHosts: readonly EncodedVirtualHost[]): Resource {
  const parts: Uint8Array[] = [toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }))];
  const versions: string[] = [];
  let previous: string | undefined;
  for (const host of ordered(virtualHosts, byName)) {
    if (host.name === previous) continue;
    previous = host.name;
    versions.push(host.version);
    parts.push(host.bytes);
  }
  parts.push(CATCH_ALL, OPTIONS);
  // The hosts' versions stand for their bytes: hashing megabytes again for one new host would be waste.
  return { name, version: contentVersion(`${name} ${versions.join()}`), bytes: joinParts(parts) };
}

function byName(a: EncodedVirtualHost, b: EncodedVirtualHost): number {
  return compareText(a.name, b.name) || compareText(a.version, b.version);
}
