import type { StringMatch } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteMatchSchema } from '@isthmus/proto/envoy';

type RouteMatchInit = MessageInitShape<typeof RouteMatchSchema>;
export type HeaderMatcherInit = NonNullable<RouteMatchInit['headers']>[number];
export type QueryMatcherInit = NonNullable<RouteMatchInit['queryParameters']>[number];

export type StringMatcherInit = {
  matchPattern:
    | { case: 'exact'; value: string }
    | { case: 'prefix'; value: string }
    | { case: 'safeRegex'; value: { regex: string } }
    | { case: undefined };
};

/** An empty match gives an empty matcher, which Envoy refuses: rules without a value match by presence before they come here. */
export function stringMatcher({ matchType }: StringMatch): StringMatcherInit {
  switch (matchType.case) {
    case 'exact':
    case 'prefix':
      return { matchPattern: { case: matchType.case, value: matchType.value } };
    case 'regex':
      return { matchPattern: { case: 'safeRegex', value: { regex: matchType.value } } };
    case undefined:
      return { matchPattern: { case: undefined } };
    default:
      return matchType satisfies never;
  }
}

/** Nothing to compare with, or `*`, which is no regular expression but Istio's "any value" (istio#20629). */
export function meansPresent({ matchType }: StringMatch): boolean {
  return matchType.case === undefined || (matchType.case === 'regex' && matchType.value === '*');
}

export function headerMatcher(name: string, match: StringMatch): HeaderMatcherInit {
  if (meansPresent(match)) return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) } };
}

export function queryMatcher(name: string, match: StringMatch): QueryMatcherInit {
  if (meansPresent(match)) return { name, queryParameterMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, queryParameterMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) } };
}
