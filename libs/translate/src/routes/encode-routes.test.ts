import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { VirtualHostSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import fc from 'fast-check';
import { encodeRoutes } from './encode-routes.ts';
import { retryPolicy } from './retry.ts';
import { NO_TIMEOUT } from './route-action.ts';
import type { RouteInit } from './route-context.ts';

const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.constant('x'.repeat(20_000)),
);
const pattern = fc.oneof(
  fc.record({ case: fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const, 'contains' as const), value: text }),
  fc.record({ case: fc.constant('safeRegex' as const), value: fc.record({ regex: text }) }),
);
const header = fc.record(
  {
    name: text,
    headerMatchSpecifier: fc.oneof(
      fc.record({ case: fc.constant('presentMatch' as const), value: fc.boolean() }),
      fc.record({ case: fc.constant('stringMatch' as const), value: fc.record({ matchPattern: pattern }) }),
    ),
    invertMatch: fc.boolean(),
  },
  { requiredKeys: ['name'] },
);
const headersToAdd = fc.array(fc.record({ header: fc.record({ key: text, value: text }) }), { maxLength: 2 });
const forward = fc.record(
  {
    clusterSpecifier: fc.oneof(
      fc.record({ case: fc.constant('cluster' as const), value: text }),
      fc.record({
        case: fc.constant('weightedClusters' as const),
        value: fc.record({
          clusters: fc.array(
            fc.record(
              { name: text, weight: fc.nat(300), requestHeadersToAdd: headersToAdd },
              { requiredKeys: ['name', 'weight'] },
            ),
            { maxLength: 3 },
          ),
        }),
      }),
    ),
    timeout: fc.constantFrom(NO_TIMEOUT, { seconds: 3n }),
    maxGrpcTimeout: fc.constantFrom(NO_TIMEOUT, { seconds: 3n }),
    retryPolicy: fc.constantFrom(retryPolicy(undefined, false), retryPolicy(undefined, true), { numRetries: 7 }),
    prefixRewrite: text,
    maxStreamDuration: fc.constant({ maxStreamDuration: NO_TIMEOUT }),
  },
  { requiredKeys: [] },
);
const route = fc.record(
  {
    name: text,
    statPrefix: text,
    match: fc.record(
      {
        pathSpecifier: fc.oneof(
          fc.record({ case: fc.constantFrom('prefix' as const, 'path' as const, 'pathSeparatedPrefix' as const), value: text }),
          fc.record({ case: fc.constant('safeRegex' as const), value: fc.record({ regex: text }) }),
        ),
        caseSensitive: fc.boolean(),
        headers: fc.array(header, { maxLength: 3 }),
        queryParameters: fc.array(fc.record({ name: text }), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
    action: fc.oneof(
      fc.record({ case: fc.constant('route' as const), value: forward }),
      fc.record({ case: fc.constant('directResponse' as const), value: fc.record({ status: fc.nat(600) }) }),
    ),
    decorator: fc.record({ operation: text }),
    requestHeadersToAdd: headersToAdd,
    responseHeadersToRemove: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

test('routes by hand are the routes that protobuf-es makes', () => {
  fc.assert(
    fc.property(fc.array(route, { maxLength: 4 }), (inits) => {
      const routes = inits.map(defined) as readonly RouteInit[];
      const byHand = fromBinary(VirtualHostSchema, encodeRoutes(routes));
      expect(json(byHand)).toEqual(json(create(VirtualHostSchema, { routes: [...routes] })));
    }),
  );
});

function json(host: Parameters<typeof toJson<typeof VirtualHostSchema>>[1]): unknown {
  return toJson(VirtualHostSchema, host, { registry: typeRegistry });
}

/** Without fields that are undefined, which `create` does not take. */
function defined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(defined);
  if (typeof value !== 'object' || value === null || '$typeName' in value) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, key === 'retryPolicy' ? each : defined(each)]),
  );
}
