import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../resource.ts';
import { fieldsMatch, labelsMatch } from './object-store.ts';

export interface Preconditions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export function plain(object: KubeObject): unknown {
  const { resourceVersion: _version, uid: _uid, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function verbOf(method: string, url: URL, name: string | undefined): string {
  if (method === 'GET') return name !== undefined ? 'get' : url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
  return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method;
}

export function selected(object: KubeObject, namespace: string, url: URL): boolean {
  if (namespace !== '' && object.metadata.namespace !== namespace) return false;
  return labelsMatch(url.searchParams.get('labelSelector'), object) && fieldsMatch(url.searchParams.get('fieldSelector'), object);
}

export function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function status(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Record<string, string> = {},
  details: object = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message, details }));
}
