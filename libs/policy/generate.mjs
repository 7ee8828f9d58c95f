// Writes src/validate/gen/crd-schemas.ts: what Istio's CRDs ask of each kind's spec, without the descriptions.
// Usage: node libs/policy/generate.mjs CRDS.yaml   (the file of `provide('istio-crds')`, of istio.io/api)
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const kinds = [
  'DestinationRule',
  'Gateway',
  'ProxyConfig',
  'ServiceEntry',
  'Sidecar',
  'VirtualService',
  'WorkloadEntry',
  'WorkloadGroup',
];
const KEYS = [
  'type',
  'format',
  'nullable',
  'x-kubernetes-int-or-string',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
];
const IGNORED = [
  'description',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
];
const [file] = process.argv.slice(2);

function compact(schema) {
  const kept = {};
  for (const key of Object.keys(schema))
    if (!KEYS.includes(key) && !IGNORED.includes(key)) throw new Error(`the CRDs use ${key}, which nobody checks`);
  for (const key of KEYS) {
    const value = schema[key];
    if (value === undefined) continue;
    if (key === 'properties')
      kept[key] = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, compact(inner)]));
    else if (['additionalProperties', 'items', 'not'].includes(key)) kept[key] = compact(value);
    else if (['oneOf', 'anyOf', 'allOf'].includes(key)) kept[key] = value.map(compact);
    else kept[key === 'x-kubernetes-int-or-string' ? 'intOrString' : key] = value;
  }
  const rules = schema['x-kubernetes-validations'];
  if (rules !== undefined) kept.rules = rules.map(({ rule }) => rule);
  return kept;
}

const lines = [];
for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
  const definition = document.toJS();
  if (definition?.spec?.group !== 'networking.istio.io' || !kinds.includes(definition.spec.names.kind)) continue;
  const specs = definition.spec.versions.map(({ schema }) => JSON.stringify(compact(schema.openAPIV3Schema.properties.spec)));
  if (new Set(specs).size !== 1) throw new Error(`the versions of ${definition.spec.names.kind} differ`);
  lines.push(`  ${definition.spec.names.kind}: ${specs[0]},`);
}
if (lines.length !== kinds.length) throw new Error('not every kind has a CRD');
writeFileSync(
  join(import.meta.dirname, 'src/validate/gen/crd-schemas.ts'),
  `// Written by generate.mjs from Istio's CRDs (istio.io/api v1.31.1).
import type { IstioKind } from '@isthmus/proto/istio';
import type { CrdSchema } from '../crd-shape.ts';

export const CRD_SCHEMAS: Readonly<Record<IstioKind, CrdSchema>> = {
${lines.sort().join('\n')}
};
`,
);
