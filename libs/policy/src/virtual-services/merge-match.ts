import { clone } from '@bufbuild/protobuf';
import { HTTPMatchRequestSchema } from '@isthmus/proto/istio';
import type { HTTPMatchRequest, StringMatch } from '@isthmus/proto/istio';

/** The matches of a root's route and of its delegate's, each pair that goes together; undefined: one of the delegate's goes with none. */
export function mergeMatches(
  root: readonly HTTPMatchRequest[],
  delegate: readonly HTTPMatchRequest[],
): readonly HTTPMatchRequest[] | undefined {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const merged: HTTPMatchRequest[] = [];
  for (const match of delegate) {
    const fitting = root.filter((outer) => !inConflict(outer, match));
    if (fitting.length === 0) return undefined;
    merged.push(...fitting.map((outer) => mergeMatch(outer, match)));
  }
  return merged;
}

function mergeMatch(root: HTTPMatchRequest, delegate: HTTPMatchRequest): HTTPMatchRequest {
  const merged = clone(HTTPMatchRequestSchema, delegate);
  merged.name = joinNames(root.name, delegate.name);
  merged.uri ??= root.uri;
  merged.scheme ??= root.scheme;
  merged.method ??= root.method;
  merged.authority ??= root.authority;
  merged.headers = { ...root.headers, ...delegate.headers };
  merged.withoutHeaders = { ...root.withoutHeaders, ...delegate.withoutHeaders };
  merged.queryParams = { ...root.queryParams, ...delegate.queryParams };
  merged.sourceLabels = { ...root.sourceLabels, ...delegate.sourceLabels };
  merged.port ||= root.port;
  merged.sourceNamespace ||= root.sourceNamespace;
  merged.statPrefix ||= root.statPrefix;
  if (merged.gateways.length === 0) merged.gateways = [...root.gateways];
  return merged;
}

/** `root-delegate` */
export function joinNames(root: string, delegate: string): string {
  return root === '' || delegate === '' ? root || delegate : `${root}-${delegate}`;
}

/** Whether the delegate's match is not within the root's. */
function inConflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest): boolean {
  return (
    conflict(root.uri, leaf.uri) ||
    conflict(root.scheme, leaf.scheme) ||
    conflict(root.method, leaf.method) ||
    conflict(root.authority, leaf.authority) ||
    conflictIn(root.headers, leaf.headers) ||
    conflictIn(root.withoutHeaders, leaf.withoutHeaders) ||
    conflictIn(root.queryParams, leaf.queryParams) ||
    root.ignoreUriCase !== leaf.ignoreUriCase ||
    (root.port > 0 && leaf.port > 0 && root.port !== leaf.port) ||
    // Also where the delegate says none: istiod has it so.
    (root.sourceNamespace !== '' && leaf.sourceNamespace !== root.sourceNamespace) ||
    Object.entries(leaf.sourceLabels).some(([key, value]) => (root.sourceLabels[key] ?? value) !== value) ||
    gatewaysConflict(root.gateways, leaf.gateways)
  );
}

function gatewaysConflict(root: readonly string[], leaf: readonly string[]): boolean {
  if (root.length === 0 || leaf.length === 0) return false;
  return root.length < leaf.length || leaf.some((gateway) => !root.includes(gateway));
}

function conflictIn(root: Readonly<Record<string, StringMatch>>, leaf: Readonly<Record<string, StringMatch>>): boolean {
  return Object.entries(leaf).some(([key, match]) => conflict(root[key], match));
}

/** Nothing goes with a regular expression but itself being alone; an exact value within a prefix; a longer prefix within a shorter one. */
function conflict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false;
  const outer = root.matchType;
  const inner = leaf.matchType;
  const leafSays = (inner.value ?? '') !== '';
  if (outer.case === 'exact' && outer.value !== '') return inner.case !== 'exact' || inner.value !== outer.value;
  if (outer.case === 'prefix' && outer.value !== '' && leafSays && inner.case !== 'regex') {
    return !(inner.value ?? '').startsWith(outer.value);
  }
  return true;
}
