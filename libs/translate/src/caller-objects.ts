import { toJson } from '@bufbuild/protobuf';
import { MARK_HEADER, POLICIES } from '@isthmus/ladder';
import type { HandOver, Policy } from '@isthmus/ladder';
import type { MeshObject, MeshService } from '@isthmus/model';
import { DestinationRuleSchema, VirtualServiceSchema } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { breaksCircuits } from './clusters/bare.ts';

/** What a plan leaves to the processes of its consumers, for one port of a service. */
export interface CallersEntry {
  /** `*`: all. */
  readonly consumers: readonly string[];
  readonly port: number;
  readonly over: HandOver;
}

export interface CallersRules {
  readonly virtualService: IstioObject<'VirtualService'> | undefined;
  readonly destinationRule: IstioObject<'DestinationRule'> | undefined;
}

/** Pods that Istio's injector has seen have it, and what plans call a consumer is what it says. */
const CONSUMER_LABEL = 'service.istio.io/canonical-name';
const ALL = '*';

type Json = Readonly<Record<string, unknown>>;
type HttpRoute = Json & { readonly match?: readonly Json[]; readonly headers?: Json & { readonly request?: Json } };

/**
 * The same for sidecars that istiod serves: a VirtualService that has the routes of the service's own before them once more for each
 * mark, and a DestinationRule for each consumer that a plan names. What istiod cannot do call by call is in docs/agent.md.
 * @param rules those in force, which the objects replace for these callers
 */
export function callerObjects(
  service: MeshService,
  entries: readonly CallersEntry[],
  rules: CallersRules,
): readonly MeshObject[] {
  if (entries.length === 0) return [];
  const named = [...entries].sort((a, b) => Number(a.consumers.includes(ALL)) - Number(b.consumers.includes(ALL)));
  return [virtualService(service, named, rules.virtualService), ...destinationRules(service, named, rules.destinationRule)];
}

function virtualService(
  { host, namespace, ports }: MeshService,
  entries: readonly CallersEntry[],
  rule: CallersRules['virtualService'],
): MeshObject {
  const own = rule && (toJson(VirtualServiceSchema, rule.spec) as { readonly http?: readonly HttpRoute[] }).http;
  const routes = own ?? [{ route: [{ destination: { host } }] }];
  const http = entries.flatMap((entry) => {
    const port = ports.length > 1 ? { port: entry.port } : {};
    return variantsOf(entry).flatMap(({ kept, mark }) =>
      routes.map((route) => forCallers(route, kept, sources(entry, mark, port))),
    );
  });
  return object('VirtualService', `callers-of.${host}`, namespace, rule?.place, {
    hosts: [host],
    exportTo: ['*'],
    http: [...http, ...routes],
  });
}

interface Variant {
  readonly kept: readonly Policy[];
  /** Undefined: no mark. */
  readonly mark: Json | undefined;
}

function variantsOf({ over }: CallersEntry): readonly Variant[] {
  return [
    ...over.marked.map(({ mark, kept }) => ({ kept, mark: { exact: mark } })),
    { kept: POLICIES, mark: { regex: '.+' } },
    ...(over.unmarked.length === 0 ? [] : [{ kept: over.unmarked, mark: undefined }]),
  ];
}

function sources({ consumers }: CallersEntry, mark: Json | undefined, port: Json): readonly Json[] {
  const headers = mark === undefined ? {} : { headers: { [MARK_HEADER]: mark } };
  if (consumers.includes(ALL)) return [{ ...port, ...headers }];
  return consumers.map((consumer) => ({ ...port, ...headers, sourceLabels: { [CONSUMER_LABEL]: consumer } }));
}

function forCallers(route: HttpRoute, kept: readonly Policy[], from: readonly Json[]): HttpRoute {
  const { timeout, ...rest } = route;
  const remove = [...((route.headers?.request?.['remove'] as readonly string[] | undefined) ?? []), MARK_HEADER];
  const forwards = route['route'] !== undefined;
  return {
    ...rest,
    match: (route.match ?? [{}]).flatMap((match) => from.map((source) => joined(match, source))),
    // Without one Istio sets none.
    ...(timeout === undefined || kept.includes('timeout') ? {} : { timeout }),
    ...(forwards && kept.includes('retry') ? { retries: { attempts: 0 } } : {}),
    ...(forwards ? { headers: { ...route.headers, request: { ...route.headers?.request, remove } } } : {}),
  };
}

function joined(match: Json, source: Json): Json {
  const both = (field: string) => {
    const value = { ...(match[field] as Json | undefined), ...(source[field] as Json | undefined) };
    return Object.keys(value).length === 0 ? {} : { [field]: value };
  };
  return { ...match, ...source, ...both('headers'), ...both('sourceLabels') };
}

/** Limits and ejection are a sidecar's and not a call's: off for a consumer while all of its calls keep them. */
function destinationRules(
  { host, namespace }: MeshService,
  entries: readonly CallersEntry[],
  rule: CallersRules['destinationRule'],
): readonly MeshObject[] {
  if (rule === undefined || !breaksCircuits(rule.spec)) return [];
  const spec = bareRule(toJson(DestinationRuleSchema, rule.spec) as Json);
  const consumers = entries.flatMap(({ consumers: of, over }) =>
    of.includes(ALL) || !over.unmarked.includes('circuitBreaking') ? [] : of,
  );
  return [...new Set(consumers)].sort().map((consumer) => {
    const workloadSelector = { matchLabels: { [CONSUMER_LABEL]: consumer } };
    return object('DestinationRule', `${consumer}-to.${host}`, namespace, rule.place, { ...spec, host, workloadSelector });
  });
}

/** A rule without what breaks circuits. */
function bareRule({ trafficPolicy, subsets, ...rule }: Json): Json {
  const parts = ((subsets ?? []) as readonly Json[]).map(({ trafficPolicy: own, ...subset }) => ({
    ...subset,
    ...present('trafficPolicy', barePolicy(own as Json | undefined)),
  }));
  return {
    ...rule,
    ...present('trafficPolicy', barePolicy(trafficPolicy as Json | undefined)),
    ...(parts.length === 0 ? {} : { subsets: parts }),
  };
}

/** @returns undefined where nothing is left: Istio takes no policy without a field */
function barePolicy(policy: Json = {}): Json | undefined {
  const { outlierDetection: _, connectionPool, portLevelSettings, ...rest } = policy;
  const ports = ((portLevelSettings ?? []) as readonly Json[]).map(({ port, ...settings }) => ({
    port,
    // They replace the rule's with defaults for what they leave out; this is the one that says no more than that.
    ...(barePolicy(settings) ?? { loadBalancer: { simple: 'LEAST_REQUEST' } }),
  }));
  return orNothing({
    ...rest,
    ...present('connectionPool', barePool(connectionPool as Json | undefined)),
    ...(ports.length === 0 ? {} : { portLevelSettings: ports }),
  });
}

function barePool({ tcp, http, ...pool }: Json = {}): Json | undefined {
  const { maxConnections: _, ...otherTcp } = (tcp ?? {}) as Json;
  const { http1MaxPendingRequests: _1, http2MaxRequests: _2, ...otherHttp } = (http ?? {}) as Json;
  return orNothing({ ...pool, ...present('tcp', orNothing(otherTcp)), ...present('http', orNothing(otherHttp)) });
}

function orNothing(json: Json): Json | undefined {
  return Object.keys(json).length === 0 ? undefined : json;
}

function present(name: string, value: Json | undefined): Json {
  return value === undefined ? {} : { [name]: value };
}

function object(kind: string, name: string, namespace: string, instead: string | undefined, spec: object): MeshObject {
  const annotations = instead === undefined ? {} : { 'isthmus.dev/made-from': instead };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace, labels: {}, annotations }, spec };
}
