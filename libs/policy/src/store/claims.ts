import type { Diagnostic } from '@isthmus/model';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import { istioKey } from '../load/parse-istio-yaml.ts';
import type { IstioFile } from '../load/parse-istio-yaml.ts';
import type { Problem } from '../load/problem.ts';

/** What one place (a file, a kind in Kubernetes) says. */
export interface Part {
  /** By `istioKey`: the good ones, and the last good ones of those that are bad now. */
  readonly objects: ReadonlyMap<string, IstioObject>;
  /** Keys whose last good version is in force. */
  readonly stale: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

/** What a file says, with the last good version of everything in it that is bad now. */
export function renewedPart(before: Part | undefined, file: IstioFile): Part {
  if (!file.readable) {
    const objects = before?.objects ?? new Map<string, IstioObject>();
    return { objects, stale: new Set(objects.keys()), problems: file.problems };
  }
  const objects = new Map(file.objects.map((object) => [istioKey(object), object]));
  const stale = new Set<string>();
  for (const key of file.refused) {
    const last = before?.objects.get(key);
    if (last === undefined) continue;
    objects.set(key, last);
    stale.add(key);
  }
  return { objects, stale, problems: file.problems };
}

/** @param kind only what is wrong with objects of it, or with all that the place says */
export function partDiagnostics(part: Part, kind?: IstioKind): readonly Diagnostic[] {
  const problems = kind === undefined ? part.problems : part.problems.filter((problem) => mayConcern(kind, problem));
  return problems.map((problem): Diagnostic => {
    const isError = problem.severity === 'error';
    return {
      code: isError ? 'istio.invalid' : 'istio.warning',
      severity: problem.severity,
      where: problem.place ?? `${problem.file}:${problem.line}:${problem.column}`,
      what: problem.what,
      meaning: isError ? meaningOf(problem, part) : problem.why,
      remedy: problem.remedy,
    };
  });
}

/** What names no object may be one of any kind that could not be read; a warning then is about a kind that is not read at all. */
function mayConcern(kind: IstioKind, { object, severity }: Problem): boolean {
  return object === undefined ? severity === 'error' : object.startsWith(`${kind} `);
}

function meaningOf({ object }: Problem, { objects, stale }: Part): string {
  if (object === undefined) return objects.size === 0 ? 'nothing of it is in force' : 'what it said before stays in force';
  const [kind = '', name = ''] = object.split(' ');
  return stale.has(`${kind}/${name}`) ? 'its last good version stays in force' : 'the object has no effect';
}

export function duplicateDiagnostic(object: IstioObject<IstioKind>, owner: IstioObject<IstioKind>): Diagnostic {
  return {
    code: 'istio.duplicate',
    severity: 'error',
    where: object.place,
    what: `${object.kind} ${object.namespace}/${object.name} is at ${owner.place} too`,
    meaning: 'that one is in force, because its place comes first; this one has no effect',
    remedy: 'keep one of the two, or give them different names',
  };
}
