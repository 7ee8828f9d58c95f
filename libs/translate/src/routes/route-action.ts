import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { Destination, HTTPRoute, HTTPRouteDestination } from '@isthmus/proto/istio';
import type { RouteActionSchema } from '@isthmus/proto/envoy';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { fraction, hundredths } from './fractions.ts';
import { destinationHash, hashPolicies } from './hash-policy.ts';
import { headerOperations } from './header-operations.ts';
import { retryPolicy } from './retry.ts';
import { destinationCluster } from './route-context.ts';
import type { Fraction } from './fractions.ts';
import type { Init } from './init.ts';
import type { HeaderOperations } from './header-operations.ts';
import type { RouteContext } from './route-context.ts';

export type ActionInit = Init<typeof RouteActionSchema>;

export interface Forwarding {
  readonly action: ActionInit;
  /** Of the only destination: they belong to the route then. */
  readonly headers: HeaderOperations;
}

/** To one cluster or several by weight; undefined where the rule has no destination. */
export function forwarding(route: HTTPRoute, authority: string, at: RouteContext): Forwarding | undefined {
  const [only] = route.route;
  if (only === undefined) return undefined;
  const single = route.route.length === 1;
  const destinations = single ? [only] : route.route.filter(({ weight }) => weight !== 0);
  const hashes = destinations.map((destination) => destinationHash(destination, at));
  const headers = headerOperations(single ? only.headers : undefined);
  const host = route.rewrite?.authority || authority || headers.authority;
  return {
    headers,
    action: {
      ...timeouts(route.timeout, at),
      ...rewrites(route),
      ...(host === '' ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } }),
      requestMirrorPolicies: mirrors(route, at),
      clusterSpecifier: single
        ? { case: 'cluster', value: cluster(only.destination, at) }
        : { case: 'weightedClusters', value: { clusters: destinations.map((destination) => weighted(destination, at)) } },
      hashPolicy: hashes.flatMap(hashPolicies),
      // Istio looks at the hash of a single destination only.
      ...withRetries(retryPolicy(route.retries ?? at.retries, single && hashes[0] !== undefined)),
    },
  };
}

function withRetries(policy: ReturnType<typeof retryPolicy>): ActionInit {
  return policy === undefined ? {} : { retryPolicy: policy };
}

export const NO_TIMEOUT = create(DurationSchema);

/** No timeout is 0, never Envoy's 15 s. A grpc-timeout header counts up to `maxGrpcTimeout`, deprecated and what istiod sends. */
export function timeouts(timeout: Duration | undefined, at?: RouteContext): ActionInit {
  const value = timeout ?? NO_TIMEOUT;
  if (at?.proxy.grpc === true) return { timeout: value, maxStreamDuration: { maxStreamDuration: value } };
  return { timeout: value, maxGrpcTimeout: value };
}

function rewrites({ rewrite }: HTTPRoute): ActionInit {
  const regex = rewrite?.uriRegexRewrite;
  if (regex !== undefined) return { regexRewrite: { pattern: { regex: regex.match }, substitution: regex.rewrite } };
  return rewrite === undefined || rewrite.uri === '' ? {} : { prefixRewrite: rewrite.uri };
}

/** An explicit 0 % is no mirror; a share below a millionth is one that never happens. */
function mirrors(route: HTTPRoute, at: RouteContext): NonNullable<ActionInit['requestMirrorPolicies']> {
  const { mirror, mirrorPercentage, mirrorPercent } = route;
  const old = mirrorPercentage === undefined && mirrorPercent !== undefined ? { value: mirrorPercent } : mirrorPercentage;
  const first = mirror === undefined ? [] : [{ destination: mirror, percentage: old, share: mirrorShare(route) }];
  const others = route.mirrors.map(({ destination, percentage }) => ({
    destination,
    percentage,
    share: percentage === undefined ? hundredths(100) : fraction(percentage),
  }));
  return [...first, ...others].flatMap(({ destination, percentage, share }) =>
    destination === undefined || (percentage !== undefined && percentage.value <= 0)
      ? []
      : [mirrorPolicy(destination, share, at)],
  );
}

function mirrorPolicy(
  to: Destination,
  share: Fraction,
  at: RouteContext,
): NonNullable<ActionInit['requestMirrorPolicies']>[number] {
  return {
    cluster: destinationCluster(to, at),
    runtimeFraction: { defaultValue: share },
    traceSampled: false,
    disableShadowHostSuffixAppend: true,
  };
}

/** All where the rule does not say; the younger field wins. */
function mirrorShare({ mirrorPercentage, mirrorPercent }: HTTPRoute): Fraction {
  if (mirrorPercentage !== undefined) return fraction(mirrorPercentage);
  return hundredths(mirrorPercent ?? 100);
}

function weighted(
  destination: HTTPRouteDestination,
  at: RouteContext,
): NonNullable<NonNullable<Extract<ActionInit['clusterSpecifier'], { case: 'weightedClusters' }>>['value']['clusters']>[number] {
  const { authority, ...headers } = headerOperations(destination.headers);
  return {
    name: cluster(destination.destination, at),
    weight: destination.weight,
    requestHeadersToAdd: [...headers.requestHeadersToAdd],
    requestHeadersToRemove: [...headers.requestHeadersToRemove],
    responseHeadersToAdd: [...headers.responseHeadersToAdd],
    responseHeadersToRemove: [...headers.responseHeadersToRemove],
    ...(authority === '' ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority } }),
  };
}

function cluster(destination: Destination | undefined, at: RouteContext): string {
  return destination === undefined ? 'UnknownService' : destinationCluster(destination, at);
}
