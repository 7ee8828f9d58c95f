import { KubeError, applyObject, getObject, listPages } from '@isthmus/kube';
import type { KubeClient, KubeObject } from '@isthmus/kube';
import { objectKey, planOf, runInSlices } from '@isthmus/model';
import type { Diagnostic, MeshObject, OutputPlan } from '@isthmus/model';
import { FIELD_MANAGER, isOwn, managedPart, observe, ownSelector } from './own-objects.ts';
import type { StoredObject } from './own-objects.ts';
import { placesOf, resourceOf } from './own-view.ts';
import type { OwnPlaces } from './own-view.ts';

export interface PlanContext extends OwnPlaces {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
}

/** So many of what would be written are shown to the API server, which validates them and writes nothing. */
const MOST_TRIED = 200;

/** What would be written, compared with what the cluster has of ours. Reads only, but for dry-run applies. @throws KubeError */
export async function planObjects(output: string, objects: readonly MeshObject[], context: PlanContext): Promise<OutputPlan> {
  const there = new Map<string, string>();
  const selection = { labelSelector: ownSelector(context.meshId), signal: context.signal };
  for (const { resource, namespace } of placesOf(context)) {
    const where = namespace === undefined ? {} : { namespace };
    for await (const { items } of listPages<StoredObject>(context.client, resource, { ...selection, ...where })) {
      for (const item of items)
        if (observe(item).applied) there.set(objectKey({ kind: resource.kind, metadata: known(item) }), textOf(item));
    }
  }
  const wanted = new Map<string, string>();
  await runInSlices(texts(objects, wanted));
  const written = objects.filter((object) => there.get(objectKey(object)) !== wanted.get(objectKey(object)));
  const diagnostics: Diagnostic[] = [];
  for (const object of written.slice(0, MOST_TRIED)) {
    const problem = await tryObject(object, context);
    if (problem === undefined) continue;
    diagnostics.push(problem);
    const text = there.get(problem.where); // it stays as it is, or away
    if (text === undefined) wanted.delete(problem.where);
    else wanted.set(problem.where, text);
  }
  return planOf(output, there, wanted, diagnostics);
}

function* texts(objects: readonly MeshObject[], into: Map<string, string>): Generator<void> {
  for (const object of objects) {
    into.set(objectKey(object), textOf(object));
    yield;
  }
}

async function tryObject(object: MeshObject, { client, meshId, signal }: PlanContext): Promise<Diagnostic | undefined> {
  const where = objectKey(object);
  const say = (code: Diagnostic['code'], what: string, remedy: string): Diagnostic => ({
    code,
    severity: 'error',
    where,
    what,
    meaning: 'it would not be written',
    remedy,
  });
  try {
    const there = await getObject<StoredObject>(client, resourceOf(object.kind), object.metadata, signal);
    if (there !== undefined && !isOwn(there, meshId))
      return say('output.conflict', `exists and has not the labels of mesh ${meshId}`, 'delete or rename it');
    const options = { fieldManager: FIELD_MANAGER, force: true, dryRun: true, signal };
    await applyObject(client, resourceOf(object.kind), object as MeshObject & KubeObject, options);
    return undefined;
  } catch (thrown) {
    signal.throwIfAborted();
    const error = KubeError.from(thrown);
    return say('output.refused', error.message, error.remedy ?? 'look at the message of the API server');
  }
}

/** What Isthmus manages of it, one field a line: others' fields are none of the difference. */
function textOf(object: StoredObject | MeshObject): string {
  return `${JSON.stringify(sorted(managedPart(object)), undefined, 1)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function known({ metadata }: StoredObject): MeshObject['metadata'] {
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
  };
}
