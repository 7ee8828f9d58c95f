import { toJson } from '@bufbuild/protobuf';
import { ServiceEntrySchema } from '@isthmus/proto/istio';
import { objectKey } from '@isthmus/model';
import type { Diagnostic, MeshObject, MeshService } from '@isthmus/model';
import { objectAnnotations, objectLabels } from './object-meta.ts';
import { compareText } from './ordered.ts';
import { serviceEntries } from './service-entry.ts';
import { yamlText } from './yaml-text.ts';

export interface IstioObjects {
  readonly objects: readonly MeshObject[];
  /** What was left out, and why. */
  readonly diagnostics: readonly Diagnostic[];
}

/** One service as the objects that `kubectl apply` and `istioctl validate` take. */
export function istioObjects(service: MeshService): IstioObjects {
  const { entries, diagnostics } = serviceEntries(service);
  const objects = entries.map(({ name, spec }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: service.namespace, labels: objectLabels(spec), annotations: objectAnnotations(service) },
    spec: toJson(ServiceEntrySchema, spec),
  }));
  return { objects, diagnostics };
}

/** All of them as one text, sorted by namespace and name: `isthmus export --format istio`. */
export function istioYaml(services: Iterable<MeshService>): string {
  return [...services]
    .flatMap((service) => istioObjects(service).objects)
    .sort((a, b) => compareText(objectKey(a), objectKey(b)))
    .map(objectYaml)
    .join('---\n');
}

/** One YAML document. */
export function objectYaml({ apiVersion, kind, metadata, spec }: MeshObject): string {
  return yamlText({ apiVersion, kind, metadata, spec });
}
