import { clone } from '@bufbuild/protobuf';
import { HTTPRouteSchema } from '@isthmus/proto/istio';
import type { HTTPRoute } from '@isthmus/proto/istio';
import { joinNames, mergeMatches } from './merge-match.ts';

/** A delegate's route as the root's route has it: what the delegate leaves out is the root's. Undefined: their matches exclude each other. */
export function mergeRoute(root: HTTPRoute, delegate: HTTPRoute): HTTPRoute | undefined {
  const match = mergeMatches(root.match, delegate.match);
  if (match === undefined) return undefined;
  const merged = clone(HTTPRouteSchema, delegate);
  merged.match = [...match];
  merged.name = joinNames(root.name, delegate.name);
  merged.rewrite ??= root.rewrite;
  merged.directResponse ??= root.directResponse;
  merged.timeout ??= root.timeout;
  merged.retries ??= root.retries;
  merged.fault ??= root.fault;
  merged.mirror ??= root.mirror;
  merged.mirrorPercent ??= root.mirrorPercent;
  merged.mirrorPercentage ??= root.mirrorPercentage;
  merged.corsPolicy ??= root.corsPolicy;
  merged.headers ??= root.headers;
  if (merged.mirrors.length === 0) merged.mirrors = [...root.mirrors];
  return merged;
}
