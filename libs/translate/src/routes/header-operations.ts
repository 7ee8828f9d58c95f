import { HeaderValueOption_HeaderAppendAction } from '@isthmus/proto/envoy';
import type { Headers } from '@isthmus/proto/istio';
import { compareText } from '../ordered.ts';
import type { RouteInit } from './route-context.ts';

type HeaderValueInit = NonNullable<RouteInit['requestHeadersToAdd']>[number];

export interface HeaderOperations {
  readonly requestHeadersToAdd: readonly HeaderValueInit[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueInit[];
  readonly responseHeadersToRemove: readonly string[];
  /** What `set` or `add` make of Host; `''`: nothing. Envoy rewrites it elsewhere than other headers. */
  readonly authority: string;
}

export const NO_OPERATIONS: HeaderOperations = {
  requestHeadersToAdd: [],
  requestHeadersToRemove: [],
  responseHeadersToAdd: [],
  responseHeadersToRemove: [],
  authority: '',
};

export function headerOperations(headers: Headers | undefined): HeaderOperations {
  if (headers === undefined) return NO_OPERATIONS;
  const { request, response } = headers;
  return {
    requestHeadersToAdd: [...setters(request?.set), ...adders(request?.add)],
    requestHeadersToRemove: request?.remove.filter((name) => !isInternal(name)) ?? [],
    responseHeadersToAdd: [...setters(response?.set), ...adders(response?.add)],
    responseHeadersToRemove: response?.remove.filter((name) => !isInternal(name)) ?? [],
    authority: authorityOf(request?.set) || authorityOf(request?.add),
  };
}

function setters(map: Readonly<Record<string, string>> | undefined): readonly HeaderValueInit[] {
  return options(map, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD);
}

function adders(map: Readonly<Record<string, string>> | undefined): readonly HeaderValueInit[] {
  return options(map, HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD);
}

function options(
  map: Readonly<Record<string, string>> = {},
  appendAction: HeaderValueOption_HeaderAppendAction,
): readonly HeaderValueInit[] {
  return Object.entries(map)
    .filter(([name]) => !isInternal(name))
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, value]) => ({ header: { key, value }, appendAction }));
}

function authorityOf(map: Readonly<Record<string, string>> = {}): string {
  const names = Object.keys(map).sort(compareText);
  const name = names.findLast((key) => key.toLowerCase() === ':authority' || key.toLowerCase() === 'host');
  return name === undefined ? '' : (map[name] ?? '');
}

/** Envoy changes neither pseudo-headers nor Host by header operations. */
function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}
