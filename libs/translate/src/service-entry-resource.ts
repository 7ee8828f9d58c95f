import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ResourceSchema, ServiceEntrySchema } from '@isthmus/proto/istio';
import type { Diagnostic, MeshService, Resource } from '@isthmus/model';
import { mainHttpPort } from './main-http-port.ts';
import { objectAnnotations, objectLabels } from './object-meta.ts';
import { contentVersion } from './resource.ts';
import { serviceEntries } from './service-entry.ts';

export interface ServiceEntryResources {
  /** Encoded `istio.mcp.v1alpha1.Resource`s of the type `SERVICE_ENTRY_TYPE`, named `namespace/name`. */
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * What istiod gets of one service. It applies a resource only when `metadata.version` has changed, so the version covers
 * metadata and spec; for one host the oldest resource wins, so the creation time is constant: the epoch plus
 * `precedence` seconds (0, the default, wins over all others).
 */
export function serviceEntryResources(service: MeshService, precedence = 0): ServiceEntryResources {
  const { entries, diagnostics } = serviceEntries(service);
  const main = mainHttpPort(service.ports);
  return {
    resources: entries.map(({ name, spec }) => {
      const resource = create(ResourceSchema, {
        metadata: {
          name: `${service.namespace}/${name}`,
          // Where istiod routes by Host alone (HTTP_PROXY_PORT) it knows only the youngest ServiceEntry of a host.
          createTime: { seconds: BigInt(precedence), nanos: spec.ports[0]?.name === main?.name ? 1 : 0 },
          labels: objectLabels(spec),
          annotations: { ...objectAnnotations(service) },
        },
        body: anyPack(ServiceEntrySchema, spec),
      });
      const version = contentVersion(toBinary(ResourceSchema, resource));
      if (resource.metadata !== undefined) resource.metadata.version = version;
      return { name: `${service.namespace}/${name}`, version, bytes: toBinary(ResourceSchema, resource) };
    }),
    diagnostics,
  };
}
