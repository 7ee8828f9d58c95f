import type { IstioKind } from '@isthmus/proto/istio';
import { show } from './fit.ts';
import type { ObjectHeader } from './parse-object.ts';
import type { Issue } from './problem.ts';

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Name, namespace, labels and annotations of an object, as Kubernetes would take them. Paths start in the metadata. */
export function parseHeader(
  kind: IstioKind,
  metadata: unknown,
  defaultNamespace: string,
  place: string,
): { readonly header: ObjectHeader; readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const refuse = (path: readonly string[], value: unknown, remedy: string): void => {
    issues.push({ severity: 'error', path, what: `is ${show(value)}`, remedy });
  };
  const fields = isRecord(metadata) ? metadata : {};
  if (!isRecord(metadata)) refuse([], metadata, 'give it a map with at least a name');

  const { name, namespace = defaultNamespace, creationTimestamp } = fields;
  if (isRecord(metadata) && (typeof name !== 'string' || !SUBDOMAIN.test(name)))
    refuse(['name'], name, 'use lower-case letters, digits, dashes and dots, 253 characters at most');
  if (typeof namespace !== 'string' || !LABEL.test(namespace))
    refuse(['namespace'], namespace, 'use lower-case letters, digits and dashes, 63 characters at most');

  const header: ObjectHeader = {
    kind,
    namespace: String(namespace),
    name: typeof name === 'string' ? name : '',
    labels: texts('labels', fields['labels'], refuse),
    annotations: texts('annotations', fields['annotations'], refuse),
    createdAt: createdAt(creationTimestamp, refuse),
    place,
  };
  return { header, issues };
}

type Refuse = (path: readonly string[], value: unknown, remedy: string) => void;

function texts(field: string, value: unknown, refuse: Refuse): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) {
    refuse([field], value, 'use a map of texts');
    return {};
  }
  const entries: (readonly [string, string])[] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') entries.push([key, text]);
    else refuse([field, key], text, `use a text: write it in quotes, "${typeof text === 'object' ? '...' : String(text)}"`);
  }
  return Object.fromEntries(entries);
}

/** `kubectl get -o yaml` has it; what is written by hand has none and counts as the oldest. */
function createdAt(value: unknown, refuse: Refuse): number {
  if (value === undefined || value === null) return 0;
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  refuse(['creationTimestamp'], value, 'take it out, or write a time such as 2026-01-31T12:00:00Z');
  return 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
