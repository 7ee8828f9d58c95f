import { hash } from 'node:crypto';
import type { KubeObject } from '@isthmus/kube';
import type { MeshObject } from '@isthmus/model';

/** Owner of every field that Isthmus applies. */
export const FIELD_MANAGER = 'isthmus';

const MANAGED_BY = 'isthmus.dev/managed-by';
const MESH = 'isthmus.dev/mesh';

/** An object as the API server has it, as far as this output looks at it. */
export interface StoredObject extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly managedFields?: readonly { readonly manager?: string; readonly operation?: string }[];
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** What is remembered of an object of ours. */
export interface Observed {
  readonly uid: string;
  /** Of what Isthmus manages in it. */
  readonly digest: string;
  /** Our field manager is among those who wrote it: it does not just have our labels. */
  readonly applied: boolean;
}

/** Selects what this mesh's bridge has written. */
export function ownSelector(meshId: string): string {
  return `${MANAGED_BY}=isthmus,${MESH}=${meshId}`;
}

/** The object with the labels that say whose it is. */
export function owned(object: MeshObject, meshId: string, namespace: string): MeshObject {
  const { metadata } = object;
  const labels = { ...metadata.labels, [MANAGED_BY]: 'isthmus', [MESH]: meshId };
  return { ...object, metadata: { ...metadata, namespace, labels } };
}

export function isOwn({ metadata }: StoredObject, meshId: string): boolean {
  return metadata.labels?.[MANAGED_BY] === 'isthmus' && metadata.labels[MESH] === meshId;
}

export function observe(object: StoredObject): Observed {
  const managers = object.metadata.managedFields;
  const applied = managers === undefined || managers.some((m) => m.manager === FIELD_MANAGER && m.operation === 'Apply');
  return { uid: object.metadata.uid ?? '', digest: digestOf(object), applied };
}

/** Equal for an object that we would write and the one that the API server made of it; others' fields do not count. */
export function digestOf(object: Pick<StoredObject | MeshObject, 'metadata' | 'spec'>): string {
  return hash('sha256', canonical(managedPart(object)), 'hex').slice(0, 16);
}

/** What Isthmus manages of an object, in one order, for comparing and showing. */
export function managedPart({ metadata, spec }: Pick<StoredObject | MeshObject, 'metadata' | 'spec'>): {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
} {
  const fields = (spec ?? {}) as Readonly<Record<string, unknown>>;
  return {
    labels: own(metadata.labels),
    annotations: own(metadata.annotations),
    spec: Object.fromEntries(SPEC_FIELDS.filter((field) => fields[field] !== undefined).map((field) => [field, fields[field]])),
  };
}

/** In the order of Istio's own documentation. */
const SPEC_FIELDS = [
  ...['hosts', 'addresses', 'ports', 'location', 'resolution', 'endpoints', 'exportTo'],
  ...['host', 'trafficPolicy', 'subsets', 'workloadSelector', 'gateways', 'http', 'tls', 'tcp'],
];

function own(map: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const keys = Object.keys(map).filter((key) => key.startsWith('isthmus.dev/') || key === 'app.kubernetes.io/managed-by');
  return Object.fromEntries(keys.sort().map((key) => [key, map[key] ?? '']));
}

/** JSON whose keys are sorted. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const map = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(map).filter((key) => map[key] !== undefined);
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(map[key])}`)
    .join()}}`;
}
