import { formatPath } from '@isthmus/config';
import type { ConfigPath, YamlFile } from '@isthmus/config';
import type { IstioObject } from '@isthmus/proto/istio';
import { yamlDocumentSteps } from './yaml-document-steps.ts';
import { comesLater, isIstioKind, isOfIstio, ISTIO_KINDS, NETWORKING, versionsOf } from './kinds.ts';
import { parseHeader } from './metadata.ts';
import { parseObject } from './parse-object.ts';
import { MOST_PROBLEMS } from './problem.ts';
import type { Issue, Problem } from './problem.ts';

export const MOST_FILE_BYTES = 4 * 1024 * 1024;
const MOST_OBJECTS = 20_000;

export interface ParseOptions {
  /** Name in messages and places. */
  readonly file: string;
  /** Of objects that name none. */
  readonly defaultNamespace: string;
}

export interface IstioFile {
  /** Those without an error, in the order of the file. */
  readonly objects: readonly IstioObject[];
  /** Sorted by place. */
  readonly problems: readonly Problem[];
  /** `kind/namespace/name` of objects that are there and wrong: not to be confused with those that are gone. */
  readonly refused: readonly string[];
  /** False where nothing of the file could be read. */
  readonly readable: boolean;
}

/** `VirtualService/shop/orders` */
export function istioKey({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string {
  return `${kind}/${namespace}/${name}`;
}

/** Reads all objects of a YAML text. Never throws; everything that is wrong comes at once, each at its place. */
export function parseIstioYaml(text: string, options: ParseOptions): IstioFile {
  const steps = istioYamlSteps(new TextEncoder().encode(text), options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, one object a step: a large file must not hold the event loop. */
export function* istioYamlSteps(bytes: Uint8Array, { file, defaultNamespace }: ParseOptions): Generator<void, IstioFile> {
  const parsed = yield* yamlDocumentSteps(file, bytes, MOST_FILE_BYTES);
  if ('problems' in parsed) {
    const problems = parsed.problems.map((problem): Problem => ({ ...problem, severity: 'error' }));
    return { objects: [], problems, refused: [], readable: false };
  }
  const written = parsed.documents.flatMap(objectsOf);
  if (written.length > MOST_OBJECTS) {
    const what = `${written.length} objects, the most is ${MOST_OBJECTS}`;
    const problem: Problem = {
      severity: 'error',
      file,
      line: 1,
      column: 1,
      what,
      why: 'nobody writes so many by hand',
      remedy: 'split the file',
    };
    return { objects: [], problems: [problem], refused: [], readable: false };
  }
  const objects: IstioObject[] = [];
  const problems: Problem[] = [];
  const refused: string[] = [];
  const seen = new Map<string, string>();
  for (const at of written) {
    yield;
    const read = readObject(at, defaultNamespace);
    const { key, place } = read;
    const first = key === undefined ? undefined : seen.get(key);
    if (key !== undefined && first !== undefined) {
      problems.push(duplicate(at, key, first));
      continue;
    }
    if (key !== undefined) seen.set(key, place);
    problems.push(...read.problems);
    if (read.object !== undefined) objects.push(read.object);
    else if (key !== undefined) refused.push(key);
  }
  return { objects, problems: bounded(file, problems), refused, readable: true };
}

interface Written {
  readonly yaml: YamlFile;
  readonly path: ConfigPath;
  readonly value: unknown;
}

interface Read {
  readonly key: string | undefined;
  readonly place: string;
  readonly object: IstioObject | undefined;
  readonly problems: readonly Problem[];
}

/** A document, or the items of a list as `kubectl get -o yaml` writes it. */
function objectsOf(yaml: YamlFile): readonly Written[] {
  const { value } = yaml;
  if (value === null || value === undefined) return [];
  if (isRecord(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items']))
    return value['items'].map((item: unknown, i) => ({ value: item, yaml, path: ['items', i] }));
  return [{ value, yaml, path: [] }];
}

function readObject(at: Written, defaultNamespace: string): Read {
  const { yaml, path } = at;
  const { line, column } = yaml.valueAt(path);
  const place = `${yaml.file}:${line}:${column}`;
  const none = (problem: Problem): Read => ({ key: undefined, place, object: undefined, problems: [problem] });
  if (!isRecord(at.value)) return none(problemAt(at, [], NOT_AN_OBJECT));
  const { apiVersion, kind } = at.value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string')
    return none(problemAt(at, [typeof apiVersion === 'string' ? 'kind' : 'apiVersion'], NOT_AN_OBJECT));
  const unread = notRead(at, apiVersion, kind);
  if (unread !== undefined || !isIstioKind(kind))
    return unread === undefined ? { key: undefined, place, object: undefined, problems: [] } : none(unread);

  const { header, issues: headerIssues } = parseHeader(kind, at.value['metadata'], defaultNamespace, place);
  const parsed = parseObject(header, at.value['spec']);
  const label = `${kind} ${header.namespace}/${header.name}`;
  const problems = [
    ...headerIssues.map((issue) => problemAt(at, ['metadata', ...issue.path], issue, label)),
    ...parsed.issues.map((issue) =>
      problemAt(at, [issue.inMetadata === true ? 'metadata' : 'spec', ...issue.path], issue, label),
    ),
    ...strangers(at.value).map((key) => problemAt(at, [key], STRANGER, label)),
  ];
  const isWrong = problems.some(({ severity }) => severity === 'error');
  const key = header.name === '' ? undefined : istioKey(header);
  return { key, place, object: isWrong ? undefined : parsed.object, problems };
}

/** Why the object is none that is read here; undefined for those that are. */
function notRead(at: Written, apiVersion: string, kind: string): Problem | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  if (group === NETWORKING && isIstioKind(kind)) {
    const versions = versionsOf(kind);
    if (versions.includes(version)) return undefined;
    const remedy = `use ${versions.map((known) => `${NETWORKING}/${known}`).join(' or ')}`;
    return problemAt(at, ['apiVersion'], {
      severity: 'error',
      path: [],
      what: `is ${JSON.stringify(apiVersion.slice(0, 80))}, of which Istio has no ${kind}`,
      remedy,
    });
  }
  if (comesLater(group, kind))
    return problemAt(at, ['kind'], {
      severity: 'warning',
      path: [],
      what: `${kind} is not in this version: the object has no effect`,
      remedy: 'leave it for a later version, or take it out',
    });
  if (isOfIstio(group)) {
    const remedy = `use one of ${ISTIO_KINDS.join(', ')}`;
    return problemAt(at, ['kind'], {
      severity: 'error',
      path: [],
      what: `is ${JSON.stringify(kind.slice(0, 60))}, which is no kind of ${group}`,
      remedy,
    });
  }
  return problemAt(at, ['kind'], {
    severity: 'warning',
    path: [],
    what: `${JSON.stringify(kind.slice(0, 60))} of ${JSON.stringify(apiVersion.slice(0, 80))} is not read here: the object has no effect`,
    remedy: 'keep only Istio’s objects in this directory',
  });
}

const NOT_AN_OBJECT: Issue = {
  severity: 'error',
  path: [],
  what: 'is no object of Istio’s: it has no apiVersion and kind',
  remedy: 'begin with `apiVersion: networking.istio.io/v1` and `kind: VirtualService`',
};

const STRANGER: Issue = {
  severity: 'error',
  path: [],
  what: 'is no key of an object',
  remedy: 'use apiVersion, kind, metadata and spec',
};

function strangers(value: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(value).filter((key) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key));
}

function duplicate(at: Written, key: string, first: string): Problem {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const what = `${kind} ${namespace}/${name} is at ${first} already: this one has no effect`;
  return problemAt(
    at,
    ['metadata', 'name'],
    { severity: 'error', path: [], what, remedy: 'keep one of the two' },
    `${kind} ${namespace}/${name}`,
  );
}

function problemAt(at: Written, path: ConfigPath, issue: Issue, object?: string): Problem {
  const { yaml } = at;
  const full = [...at.path, ...path];
  const name = formatPath(path);
  return {
    severity: issue.severity,
    file: yaml.file,
    ...(issue.what.startsWith('is no field') || issue.what.startsWith('is no key') ? yaml.keyAt(full) : yaml.valueAt(full)),
    what: `${object === undefined ? '' : `${object}: `}${path.length === 0 ? issue.what : `${name} ${issue.what}`}`,
    why:
      issue.severity === 'error'
        ? 'Istio would refuse the object; its last good version stays in force'
        : 'Istio takes it too, and warns',
    remedy: issue.remedy,
    ...(object === undefined ? {} : { object }),
  };
}

function bounded(file: string, problems: readonly Problem[]): readonly Problem[] {
  const ordered = [...problems].sort((a, b) => a.line - b.line || a.column - b.column || (a.what < b.what ? -1 : 1));
  if (ordered.length <= MOST_PROBLEMS) return ordered;
  const what = `${ordered.length - MOST_PROBLEMS} more problems are not shown`;
  return [
    ...ordered.slice(0, MOST_PROBLEMS),
    { severity: 'error', file, line: 1, column: 1, what, why: 'the list is bounded', remedy: 'correct those shown first' },
  ];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
