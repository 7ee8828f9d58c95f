import type { StringMatch } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteMatchSchema } from '@isthmus/proto/envoy';
import { stringMatcher } from './string-match.ts';

export type MetadataMatcherInit = NonNullable<MessageInitShape<typeof RouteMatchSchema>['dynamicMetadata']>[number];

const CLAIM = '@request.auth.claims';

/**
 * A "header" that means a claim of the caller's token, `@request.auth.claims.group.id` or `…[group][id]`: what Envoy's JWT filter
 * left in the metadata, a text or a list of them. Undefined: an ordinary header.
 */
export function claimMatcher(name: string, match: StringMatch, invert: boolean): MetadataMatcherInit | undefined {
  const claims = claimsOf(name);
  if (claims === undefined) return undefined;
  const text = { matchPattern: { case: 'stringMatch' as const, value: stringMatcher(match) } };
  const oneOf = {
    matchPattern: { case: 'listMatch' as const, value: { matchPattern: { case: 'oneOf' as const, value: text } } },
  };
  return {
    filter: 'envoy.filters.http.jwt_authn',
    path: ['payload', ...claims].map((key) => ({ segment: { case: 'key', value: key } })),
    value: { matchPattern: { case: 'orMatch', value: { valueMatchers: [oneOf, text] } } },
    invert,
  };
}

function claimsOf(name: string): readonly string[] | undefined {
  if (!name.toLowerCase().startsWith(CLAIM)) return undefined;
  const rest = name.slice(CLAIM.length);
  if (rest.startsWith('.') && rest.length > 1) return rest.slice(1).split('.');
  if (rest.startsWith('[') && rest.endsWith(']') && rest.length > 2) return rest.slice(1, -1).split('][');
  return undefined;
}
