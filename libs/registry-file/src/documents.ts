import { checkShape, parseYamlDocuments, sortProblems } from '@isthmus/config';
import type { ConfigPath, ConfigProblem, YamlFile } from '@isthmus/config';
import { serviceEntrySchema, servicesSchema, workloadEntrySchema } from './services-schema.ts';
import type { Service, ServiceEntryDocument, WorkloadEntryDocument } from './services-schema.ts';

export const MOST_BYTES = 4 * 1024 * 1024;
const MOST_OBJECTS = 20_000;

/** Where something is written. */
export interface Written<T> {
  readonly value: T;
  readonly yaml: YamlFile;
  readonly path: ConfigPath;
}

/** All that a file says. */
export interface Documents {
  readonly services: readonly Written<Service>[];
  readonly entries: readonly Written<ServiceEntryDocument>[];
  readonly workloads: readonly Written<WorkloadEntryDocument>[];
}

export type DocumentsResult = { readonly documents: Documents } | { readonly problems: readonly ConfigProblem[] };

/** Reads the documents of a file by their schemas. Never throws; everything that is wrong comes at once. */
export function readDocuments(file: string, bytes: Uint8Array): DocumentsResult {
  const parsed = parseYamlDocuments(file, bytes, MOST_BYTES);
  if ('problems' in parsed) return parsed;
  const problems: ConfigProblem[] = [];
  const objects = parsed.documents.filter(({ value }) => value !== null && value !== undefined).flatMap(objectsOf);
  if (objects.length === 0) {
    const what = 'is empty';
    const why = 'a file that an editor is still writing is empty too, so it does not count as "no services"';
    problems.push({ file, line: 1, column: 1, what, why, remedy: 'write `services: []` to have none' });
  }
  if (objects.length > MOST_OBJECTS) {
    const what = `${objects.length} documents, the most is ${MOST_OBJECTS}`;
    problems.push({ file, line: 1, column: 1, what, why: 'nobody writes so many by hand', remedy: 'use a registry' });
    return { problems };
  }
  const services: Written<Service>[] = [];
  const entries: Written<ServiceEntryDocument>[] = [];
  const workloads: Written<WorkloadEntryDocument>[] = [];
  for (const at of objects) {
    if (kindOf(at) === 'ServiceEntry') take(serviceEntrySchema, at, entries, problems);
    else if (kindOf(at) === 'WorkloadEntry') take(workloadEntrySchema, at, workloads, problems);
    else if (isRecord(at.value) && ('kind' in at.value || 'apiVersion' in at.value)) problems.push(otherKind(at));
    else {
      const list: Written<{ services: Service[] }>[] = [];
      take(servicesSchema, at, list, problems);
      const written = list.flatMap(({ value }) =>
        value.services.map((value, i) => ({ value, yaml: at.yaml, path: [...at.path, 'services', i] })),
      );
      services.push(...written);
    }
  }
  if (problems.length > 0) return { problems: sortProblems(problems) };
  return { documents: { services, entries, workloads } };
}

function take<T>(
  schema: Parameters<typeof checkShape>[0],
  { yaml, path }: Written<unknown>,
  into: Written<T>[],
  problems: ConfigProblem[],
): void {
  const checked = checkShape(schema, yaml, path);
  if ('problems' in checked) problems.push(...checked.problems);
  else into.push({ value: checked.data as T, yaml, path });
}

/** A document, or the items of a list as `kubectl get -o yaml` writes it. */
function objectsOf(yaml: YamlFile): readonly Written<unknown>[] {
  const { value } = yaml;
  if (isRecord(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items']))
    return value['items'].map((item, i) => ({ value: item as unknown, yaml, path: ['items', i] }));
  return [{ value, yaml, path: [] }];
}

function kindOf({ value }: Written<unknown>): unknown {
  return isRecord(value) ? value['kind'] : undefined;
}

function otherKind(at: Written<unknown>): ConfigProblem {
  const kind = String(kindOf(at)).slice(0, 60);
  return {
    file: at.yaml.file,
    ...at.yaml.valueAt([...at.path, 'kind']),
    what: `kind ${JSON.stringify(kind)} is not read here`,
    why: 'a registry of kind file has services',
    remedy: 'use kind ServiceEntry or WorkloadEntry, or a document with `services:`',
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
