import { toJson } from '@bufbuild/protobuf';
import { ServiceEntrySchema } from '@isthmus/proto/istio';
import { stringify } from 'yaml';
import type { MeshService } from '@isthmus/model';
import { objectAnnotations, objectLabels } from './object-meta.ts';
import { compareText } from './ordered.ts';
import { serviceEntries } from './service-entry.ts';

/** The ServiceEntries of `isthmus export --format istio`: what `kubectl apply` and `istioctl validate` take, sorted by namespace and name. */
export function istioYaml(services: Iterable<MeshService>): string {
  const objects = [...services].flatMap((service) =>
    serviceEntries(service).entries.map(({ name, spec }) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name, namespace: service.namespace, labels: objectLabels(spec), annotations: objectAnnotations(service) },
      spec: toJson(ServiceEntrySchema, spec),
    })),
  );
  const key = ({ metadata }: (typeof objects)[number]) => `${metadata.namespace}/${metadata.name}`;
  return objects
    .sort((a, b) => compareText(key(a), key(b)))
    .map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 }))
    .join('---\n');
}
