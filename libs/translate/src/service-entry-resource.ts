import { anyPack } from '@bufbuild/protobuf/wkt';
import { ServiceEntrySchema } from '@isthmus/proto/istio';
import type { Diagnostic, MeshService, Resource } from '@isthmus/model';
import { mainHttpPort } from './main-http-port.ts';
import { mcpResource } from './mcp-resource.ts';
import { objectAnnotations, objectLabels } from './object-meta.ts';
import { builtServiceEntries } from './service-entry.ts';
import type { BuiltServiceEntry } from './service-entry.ts';

export interface ServiceEntryResources {
  /** Encoded `istio.mcp.v1alpha1.Resource`s of the type `SERVICE_ENTRY_TYPE`, named `namespace/name`. */
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * What istiod gets of one service. For one host the oldest resource wins, so the creation time is constant: the epoch plus
 * `precedence` seconds (0, the default, wins over all others).
 */
export function serviceEntryResources(service: MeshService, precedence = 0): ServiceEntryResources {
  const steps = serviceEntryResourceSteps(service, precedence);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, one resource a step: 10,000 endpoints are three of them, and 30 ms. */
export function* serviceEntryResourceSteps(service: MeshService, precedence = 0): Generator<void, ServiceEntryResources> {
  const diagnostics: Diagnostic[] = [];
  const resources: Resource[] = [];
  for (const entry of builtServiceEntries(service, diagnostics)) {
    resources.push(resourceOf(service, entry, precedence));
    yield;
  }
  return { resources, diagnostics };
}

function resourceOf(service: MeshService, { name, spec }: BuiltServiceEntry, precedence: number): Resource {
  const main = mainHttpPort(service.ports);
  return mcpResource(`${service.namespace}/${name}`, {
    // Where istiod routes by Host alone (HTTP_PROXY_PORT) it knows only the youngest ServiceEntry of a host.
    createTime: { seconds: BigInt(precedence), nanos: spec.ports[0]?.name === main?.name ? 1 : 0 },
    labels: objectLabels(spec),
    annotations: { ...objectAnnotations(service) },
    body: anyPack(ServiceEntrySchema, spec),
  });
}
