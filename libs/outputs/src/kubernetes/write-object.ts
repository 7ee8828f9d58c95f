import { NAMESPACES, KubeError, applyObject, createObject, deleteObject, getObject } from '@isthmus/kube';
import type { KubeClient } from '@isthmus/kube';
import { objectKey } from '@isthmus/model';
import type { Diagnostic, MeshObject } from '@isthmus/model';
import type { WorkResult } from '../work-queue.ts';
import { FIELD_MANAGER, isOwn, observe } from './own-objects.ts';
import type { Observed, StoredObject } from './own-objects.ts';
import { resourceOf } from './own-view.ts';

/** etcd refuses requests above 1.5 MiB. */
const MOST_BYTES = 1_500_000;

/** What came of writing or deleting an object; `problem` also where it was written but something is worth saying. */
export interface WriteOutcome {
  readonly observed?: Observed | undefined;
  readonly problem?: Diagnostic;
  /** Not written: when to try again, ms; 0: soon. */
  readonly retryAfterMs?: number;
}

export interface WriteContext {
  readonly client: KubeClient;
  readonly meshId: string;
  readonly createNamespaces: boolean;
  /** Whether it is in the cluster as ours, as far as we know. */
  readonly known: Observed | undefined;
  readonly signal: AbortSignal;
  /** Waits for a token of the rate limit; false: we are not the writer any more. */
  readonly mayWrite: () => Promise<boolean>;
}

/** Server-side apply of one object, unless it is somebody else's. Never throws but for the signal. */
export async function writeObject(object: MeshObject, context: WriteContext): Promise<WriteOutcome> {
  const { client, meshId, known, signal } = context;
  const where = objectKey(object);
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > MOST_BYTES) return tooLarge(where, bytes);
  try {
    if (known === undefined) {
      const there = await getObject<StoredObject>(client, resourceOf(object.kind), object.metadata, signal);
      if (there !== undefined && !isOwn(there, meshId)) return { problem: foreign(where, meshId), retryAfterMs: 60_000 };
    }
    if (!(await context.mayWrite())) return { retryAfterMs: 0 };
    return await apply(object as MeshObject & StoredObject, where, context);
  } catch (error) {
    signal.throwIfAborted();
    return failure(where, KubeError.from(error));
  }
}

async function apply(object: MeshObject & StoredObject, where: string, context: WriteContext): Promise<WriteOutcome> {
  const { client, signal } = context;
  const options = { fieldManager: FIELD_MANAGER, signal };
  const resource = resourceOf(object.kind);
  try {
    return { observed: observe(await applyObject<StoredObject>(client, resource, object, options)) };
  } catch (thrown) {
    const error = KubeError.from(thrown);
    if (error.reason === 'not-found' && context.createNamespaces) {
      await createNamespace(object.metadata.namespace, context);
      return { observed: observe(await applyObject<StoredObject>(client, resource, object, options)) };
    }
    if (error.reason !== 'conflict') throw error;
    // Somebody changed fields that we own: it is said who, and ours are set back.
    const observed = observe(await applyObject<StoredObject>(client, resource, object, { ...options, force: true }));
    return { observed, problem: edited(where, error) };
  }
}

async function createNamespace(name: string, { client, signal }: WriteContext): Promise<void> {
  const labels = { 'app.kubernetes.io/managed-by': 'isthmus' };
  await createObject(client, NAMESPACES, { metadata: { name, labels } }, signal).catch((error: unknown) => {
    if (KubeError.from(error).reason !== 'conflict') throw error; // it is there now
  });
}

/** Deletes this very object (`objectKey`), if our field manager is among those who wrote it. Never throws but for the signal. */
export async function removeObject(where: string, context: WriteContext & { readonly known: Observed }): Promise<WriteOutcome> {
  const { client, known, signal } = context;
  if (!known.applied) return { problem: copied(where) };
  try {
    if (!(await context.mayWrite())) return { retryAfterMs: 0 };
    const [kind = '', namespace = '', name = ''] = where.split(/[ /]/);
    await deleteObject(client, resourceOf(kind), { namespace, name }, { uid: known.uid, signal });
    return {};
  } catch (thrown) {
    signal.throwIfAborted();
    const error = KubeError.from(thrown);
    return error.reason === 'conflict' ? {} : failure(where, error); // made anew by somebody else meanwhile
  }
}

/** How the queue goes on. */
export function resultOf({ retryAfterMs }: WriteOutcome): WorkResult {
  return retryAfterMs === undefined ? { kind: 'done' } : { kind: 'again', afterMs: retryAfterMs };
}

function failure(where: string, error: KubeError): WriteOutcome {
  const say = (code: 'output.refused' | 'output.unwritable', retryAfterMs: number, remedy = error.remedy): WriteOutcome => ({
    problem: {
      code,
      severity: 'error',
      where,
      what: error.message,
      meaning: 'in the cluster it stays as it is; it is tried again',
      remedy: remedy ?? 'look at the API server',
    },
    retryAfterMs: Math.max(retryAfterMs, error.retryAfterMs ?? 0),
  });
  switch (error.reason) {
    case 'forbidden':
    case 'unauthorized':
      return say('output.unwritable', 5_000);
    case 'not-found':
      return say('output.refused', 5_000, 'create the namespace, or set outputs.kubernetes.createNamespaces: true');
    case 'unknown-kind':
      return say('output.refused', 30_000);
    case 'refused':
    case 'too-large':
      return say('output.refused', 300_000, 'this is a bug if the object is as your registry has it: report it with the message');
    case 'conflict':
    case 'expired':
    case 'busy':
    case 'unreachable':
    case 'timeout':
    case 'protocol':
      return say('output.unwritable', 0);
    default:
      return error.reason satisfies never;
  }
}

function tooLarge(where: string, bytes: number): WriteOutcome {
  return {
    problem: {
      code: 'output.refused',
      severity: 'error',
      where,
      what: `it has ${bytes} bytes, and etcd takes requests of 1.5 MiB`,
      meaning: 'it is not written, and what the cluster has of it stays as it is',
      remedy: 'give its instances less metadata, or use the MCP output, which has no such limit',
    },
    retryAfterMs: 300_000,
  };
}

function foreign(where: string, meshId: string): Diagnostic {
  return {
    code: 'output.conflict',
    severity: 'error',
    where,
    what: `exists and has not the labels of mesh ${meshId}`,
    meaning: 'somebody else’s object is left alone, so what it should say is not in the cluster',
    remedy: 'delete or rename it, or give the output a namespace of its own (outputs.kubernetes.namespace)',
  };
}

function edited(where: string, error: KubeError): Diagnostic {
  return {
    code: 'output.conflict',
    severity: 'warning',
    where,
    what: error.message,
    meaning: 'the fields were set back to what the registries say',
    remedy: 'change the service in its registry, or exclude it and write the ServiceEntry yourself',
  };
}

function copied(where: string): Diagnostic {
  return {
    code: 'output.conflict',
    severity: 'warning',
    where,
    what: 'has our labels, but our field manager has written none of it',
    meaning: 'it is left alone',
    remedy: 'take the labels isthmus.dev/* off objects that are copies',
  };
}
