import { create, toBinary } from '@bufbuild/protobuf';
import { RouteActionSchema, RouteMatchSchema, RouteSchema } from '@isthmus/proto/envoy';
import { WireWriter } from '../wire-writer.ts';
import type { ActionInit } from './route-action.ts';
import type { MatchInit } from './match.ts';
import type { RouteInit } from './route-context.ts';
import type { HeaderMatcherInit } from './string-match.ts';

// What nearly every route has is written by hand, the rest by protobuf-es: a third of the work (docs/facts.md has the figures).
const VIRTUAL_HOST = { routes: 3 };
const ROUTE = { match: 1, route: 2, decorator: 5, name: 14, statPrefix: 19 };
const DECORATOR = { operation: 1 };
const ACTION = { cluster: 1, weightedClusters: 3, timeout: 8, maxGrpcTimeout: 23 };
const DURATION = { seconds: 1, nanos: 2 };
const WEIGHTED = { clusters: 1 };
const CLUSTER_WEIGHT = { name: 1, weight: 2 };
const MATCH = { prefix: 1, path: 2, caseSensitive: 4, headers: 6, safeRegex: 10 };
const HEADER = { name: 1, stringMatch: 13 };
const STRING = { exact: 1, prefix: 2, suffix: 3, safeRegex: 5 };
const REGEX = { regex: 2 };
/** Of every wrapper in google.protobuf. */
const WRAPPED = { value: 1 };

const writer = new WireWriter();

/** The `routes` fields of a VirtualHost. */
export function encodeRoutes(routes: readonly RouteInit[]): Uint8Array {
  for (const route of routes) writeRoute(route);
  return writer.take();
}

function writeRoute(route: RouteInit): void {
  const { name = '', statPrefix = '', match, action, decorator, ...rest } = route;
  const start = writer.open(VIRTUAL_HOST.routes);
  if (match !== undefined) writeMatch(match as MatchInit);
  if (action?.case === 'route') writeAction(action.value as ActionInit);
  else if (action !== undefined) writer.raw(toBinary(RouteSchema, create(RouteSchema, { action })));
  if (decorator !== undefined) {
    const inside = writer.open(ROUTE.decorator);
    writer.text(DECORATOR.operation, decorator.operation ?? '');
    writer.close(inside);
  }
  writer.text(ROUTE.name, name);
  writer.text(ROUTE.statPrefix, statPrefix);
  if (!isEmpty(rest)) writer.raw(toBinary(RouteSchema, create(RouteSchema, rest)));
  writer.close(start);
}

function writeMatch(match: MatchInit): void {
  const { pathSpecifier: path, caseSensitive, headers = [], ...rest } = match;
  const start = writer.open(ROUTE.match);
  if (path?.case === 'prefix') writer.anyText(MATCH.prefix, path.value);
  else if (path?.case === 'path') writer.anyText(MATCH.path, path.value);
  else if (path?.case === 'safeRegex') writeRegex(MATCH.safeRegex, path.value.regex ?? '');
  else if (path !== undefined) writer.raw(toBinary(RouteMatchSchema, create(RouteMatchSchema, { pathSpecifier: path })));
  if (caseSensitive !== undefined) {
    const inside = writer.open(MATCH.caseSensitive);
    if (caseSensitive) writer.number(WRAPPED.value, 1);
    writer.close(inside);
  }
  for (const header of headers) writeHeader(header);
  if (!isEmpty(rest)) writer.raw(toBinary(RouteMatchSchema, create(RouteMatchSchema, rest)));
  writer.close(start);
}

function writeHeader(header: HeaderMatcherInit): void {
  const { name = '', headerMatchSpecifier: specifier, ...rest } = header;
  const pattern = specifier?.case === 'stringMatch' ? specifier.value.matchPattern : undefined;
  const text = pattern?.case === 'exact' || pattern?.case === 'prefix' || pattern?.case === 'suffix' ? pattern : undefined;
  if ((text === undefined && pattern?.case !== 'safeRegex') || !isEmpty(rest)) {
    writer.raw(toBinary(RouteMatchSchema, create(RouteMatchSchema, { headers: [header] })));
    return;
  }
  const start = writer.open(MATCH.headers);
  writer.text(HEADER.name, name);
  const inside = writer.open(HEADER.stringMatch);
  if (text !== undefined) writer.anyText(STRING[text.case], text.value);
  else if (pattern?.case === 'safeRegex') writeRegex(STRING.safeRegex, pattern.value.regex ?? '');
  writer.close(inside);
  writer.close(start);
}

function writeRegex(field: number, regex: string): void {
  const start = writer.open(field);
  writer.text(REGEX.regex, regex);
  writer.close(start);
}

function writeAction(action: ActionInit): void {
  const { clusterSpecifier: to, timeout, maxGrpcTimeout, retryPolicy, ...rest } = action;
  const start = writer.open(ROUTE.route);
  if (to?.case === 'cluster') writer.anyText(ACTION.cluster, to.value);
  else if (to?.case === 'weightedClusters' && to.value.clusters?.every(isPlain) === true) writeWeighted(to.value.clusters);
  else if (to !== undefined) writer.raw(toBinary(RouteActionSchema, create(RouteActionSchema, { clusterSpecifier: to })));
  writeTime(ACTION.timeout, timeout);
  if (retryPolicy !== undefined) writer.raw(encodedRetries(retryPolicy));
  writeTime(ACTION.maxGrpcTimeout, maxGrpcTimeout);
  if (!isEmpty(rest)) writer.raw(toBinary(RouteActionSchema, create(RouteActionSchema, rest)));
  writer.close(start);
}

type Weighted = NonNullable<Extract<ActionInit['clusterSpecifier'], { case: 'weightedClusters' }>['value']['clusters']>;

function isPlain({ name: _name, weight: _weight, ...rest }: Weighted[number]): boolean {
  return isEmpty(rest);
}

function writeWeighted(clusters: Weighted): void {
  const start = writer.open(ACTION.weightedClusters);
  for (const { name = '', weight } of clusters) {
    const inside = writer.open(WEIGHTED.clusters);
    writer.text(CLUSTER_WEIGHT.name, name);
    if (weight !== undefined) {
      const wrapped = writer.open(CLUSTER_WEIGHT.weight);
      if (weight > 0) writer.number(WRAPPED.value, weight);
      writer.close(wrapped);
    }
    writer.close(inside);
  }
  writer.close(start);
}

function writeTime(field: number, time: ActionInit['timeout']): void {
  if (time === undefined) return;
  const { seconds = 0n, nanos = 0 } = time;
  if (seconds < 0n || seconds > MOST_SECONDS || nanos < 0) {
    writer.raw(
      toBinary(
        RouteActionSchema,
        create(RouteActionSchema, field === ACTION.timeout ? { timeout: time } : { maxGrpcTimeout: time }),
      ),
    );
    return;
  }
  const start = writer.open(field);
  if (seconds > 0n) writer.number(DURATION.seconds, Number(seconds));
  if (nanos > 0) writer.number(DURATION.nanos, nanos);
  writer.close(start);
}

/** What `WireWriter.number` can write. */
const MOST_SECONDS = 2n ** 32n - 1n;

/** Encoded once, by the object that `retryPolicy` gives: the default's or that of one rule's retries. */
function encodedRetries(retryPolicy: NonNullable<ActionInit['retryPolicy']>): Uint8Array {
  let bytes = known.get(retryPolicy);
  if (bytes === undefined)
    known.set(retryPolicy, (bytes = toBinary(RouteActionSchema, create(RouteActionSchema, { retryPolicy }))));
  return bytes;
}

const known = new WeakMap<object, Uint8Array>();

/** Only what protobuf leaves out: nothing, false, empty text, lists and maps. */
function isEmpty(init: object): boolean {
  for (const value of Object.values(init)) {
    if (value === undefined || value === false || value === '') continue;
    if (Array.isArray(value) ? value.length > 0 : typeof value !== 'object' || Object.keys(value as object).length > 0)
      return false;
  }
  return true;
}
