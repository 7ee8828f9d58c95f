/** Reading and writing single objects, and lists by pages. */
import { APPLY } from './kube-client.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import type { Attempt } from './kube-error.ts';
import { apiVersionOf, pathOf } from './resource.ts';
import type { KubeObject, Resource } from './resource.ts';

export interface ListOptions {
  /** `''` or undefined: all. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of the whole list; a watch may start there. */
  readonly resourceVersion: string;
}

/** Parsing a page is one turn of the event loop: half a mebibyte takes 3 to 5 ms. */
const PAGE_BYTES = 512 * 1024;
const FIRST_PAGE = 100;
const MOST_PAGE = 2_000;

/**
 * A complete list, page by page, consistent: all pages are of one moment. Pages become as large as half a mebibyte allows.
 * @throws KubeError; `expired` when the reader was too slow for the server's patience (5 minutes): start again.
 */
export async function* listPages<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: ListOptions = {},
): AsyncGenerator<Page<T>> {
  const { namespace = '', labelSelector, fieldSelector, signal } = options;
  const attempt: Attempt = { verb: 'list', resource, namespace };
  let next: string | undefined;
  let limit = FIRST_PAGE;
  do {
    const { body, bytes } = await client.exchange({
      path: pathOf(resource, namespace),
      query: { limit, continue: next, labelSelector, fieldSelector },
      attempt,
      ...(signal === undefined ? {} : { signal }),
    });
    const { items, metadata } = listOf<T>(body, client.access.server, resource);
    yield { items, resourceVersion: metadata.resourceVersion };
    next = metadata.continue === '' ? undefined : metadata.continue;
    if (items.length > 0) limit = Math.max(10, Math.min(MOST_PAGE, Math.round((PAGE_BYTES * items.length) / bytes)));
  } while (next !== undefined);
}

interface WireList<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

function listOf<T>(body: unknown, server: string, { plural }: Resource): WireList<T> {
  const list = body as Partial<WireList<T>> | null;
  if (typeof list?.metadata?.resourceVersion !== 'string') {
    throw new KubeError('protocol', `${server} answers no list to list ${plural}`);
  }
  return { metadata: list.metadata, items: list.items ?? [] };
}

export interface ObjectRef {
  readonly namespace?: string;
  readonly name: string;
}

/** Undefined when there is none. @throws KubeError */
export async function getObject<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  { namespace = '', name }: ObjectRef,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const attempt: Attempt = { verb: 'get', resource, namespace };
  return client
    .call<T>({ path: pathOf(resource, namespace, name), attempt, ...(signal === undefined ? {} : { signal }) })
    .catch(undefinedIfNotFound);
}

/** @throws KubeError; `conflict` when it exists. */
export function createObject<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: T,
  signal?: AbortSignal,
): Promise<T> {
  const { namespace = '' } = object.metadata;
  return client.call<T>({
    method: 'POST',
    path: pathOf(resource, namespace),
    body: typed(resource, object),
    attempt: { verb: 'create', resource, namespace },
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Writes the whole object if it still has its `resourceVersion`. @throws KubeError; `conflict` when it has another. */
export function replaceObject<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: T,
  signal?: AbortSignal,
): Promise<T> {
  const { namespace = '', name } = object.metadata;
  return client.call<T>({
    method: 'PUT',
    path: pathOf(resource, namespace, name),
    body: typed(resource, object),
    attempt: { verb: 'update', resource, namespace },
    ...(signal === undefined ? {} : { signal }),
  });
}

export interface ApplyOptions {
  /** Who owns the fields: one name for all that a program applies. */
  readonly fieldManager: string;
  /** Take fields over from other managers; default false: then they are a `conflict`. */
  readonly force?: boolean;
  /** The server validates, changes nothing, and answers with what would be. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/): creates the object, or makes our fields
 * what `object` says; fields that we applied before and that are no longer in it go. Others' fields stay. The rights it needs
 * are `patch`, and `create` where the object is not there yet. @throws KubeError; `refused` when it is not valid.
 */
export function applyObject<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: T,
  { fieldManager, force, dryRun, signal }: ApplyOptions,
): Promise<T> {
  const { namespace = '', name } = object.metadata;
  return client.call<T>({
    method: 'PATCH',
    path: pathOf(resource, namespace, name),
    query: { fieldManager, force, dryRun: dryRun === true ? 'All' : undefined },
    contentType: APPLY,
    body: typed(resource, object),
    attempt: { verb: 'patch', resource, namespace },
    ...(signal === undefined ? {} : { signal }),
  });
}

export interface DeleteOptions {
  /** Only this very object, not one that was made under the same name since. */
  readonly uid?: string;
  /** Only if nobody has changed it since. */
  readonly resourceVersion?: string;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** False when there was none. @throws KubeError; `conflict` when it is another than the preconditions say. */
export async function deleteObject(
  client: KubeClient,
  resource: Resource,
  { namespace = '', name }: ObjectRef,
  { uid, resourceVersion, dryRun, signal }: DeleteOptions = {},
): Promise<boolean> {
  const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const gone = await client
    .call<unknown>({
      method: 'DELETE',
      path: pathOf(resource, namespace, name),
      query: { dryRun: dryRun === true ? 'All' : undefined },
      body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions },
      attempt: { verb: 'delete', resource, namespace },
      ...(signal === undefined ? {} : { signal }),
    })
    .catch(undefinedIfNotFound);
  return gone !== undefined;
}

function typed<T extends KubeObject>(resource: Resource, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function undefinedIfNotFound(thrown: unknown): undefined {
  if (thrown instanceof KubeError && thrown.reason === 'not-found') return undefined;
  throw thrown;
}
