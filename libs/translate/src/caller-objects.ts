import { toJson } from '@bufbuild/protobuf';
import { MARK_HEADER, POLICIES } from '@isthmus/ladder';
import type { HandOver, Policy } from '@isthmus/ladder';
import type { MeshObject, MeshService } from '@isthmus/model';
import { DestinationRuleSchema, VirtualServiceSchema } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { breaksCircuits } from './clusters/bare.ts';
import { contentVersion } from './resource.ts';

/** What a plan leaves to the processes of its consumers, for one port of a service. */
export interface CallersEntry {
  /** `*`: all. */
  readonly consumers: readonly string[];
  readonly port: number;
  readonly over: HandOver;
}

/** A namespace of callers, and the rules that they have there for all that no selector names; the objects replace them. */
export interface CallersPlace {
  readonly namespace: string;
  readonly virtualService: IstioObject<'VirtualService'> | undefined;
  readonly destinationRule: IstioObject<'DestinationRule'> | undefined;
  /** Others of the namespace have the DestinationRule whatever stands beside it there. */
  readonly hasOwnRule: boolean;
}

/** Pods that Istio's injector has seen have it, and what plans call a consumer is what it says. */
const CONSUMER_LABEL = 'service.istio.io/canonical-name';
const ALL = '*';

/** What the objects are told by: a bridge that reads them takes none of them for a rule that somebody wrote. */
export const CALLERS_LABEL = 'isthmus.dev/callers';

type Json = Readonly<Record<string, unknown>>;
type HttpRoute = Json & { readonly match?: readonly Json[]; readonly headers?: Json & { readonly request?: Json } };

/** Whether a workload can be called so in a label, which is what Istio knows callers by. */
export function isCallerName(consumer: string): boolean {
  return consumer === ALL || /^[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?$/.test(consumer);
}

/**
 * The same for sidecars that istiod serves, of one namespace and private to it: a VirtualService that has the routes of the one in
 * force before them once more for each mark, and a DestinationRule for each consumer that a plan names. A rule for some workloads
 * hides those of other namespaces from all of its own (`DestinationRules.outbound`), so the others get a copy of theirs.
 * What istiod cannot do call by call is in docs/rungs.md.
 */
export function callerObjects(
  service: MeshService,
  entries: readonly CallersEntry[],
  place: CallersPlace,
): readonly MeshObject[] {
  const named = entries
    .map((entry) => ({ ...entry, consumers: entry.consumers.filter(isCallerName) }))
    .filter(({ consumers }) => consumers.length > 0)
    .sort((a, b) => Number(a.consumers.includes(ALL)) - Number(b.consumers.includes(ALL)));
  if (named.length === 0) return [];
  return [virtualService(service, named, place), ...destinationRules(service, named, place)];
}

function virtualService(
  { host, ports }: MeshService,
  entries: readonly CallersEntry[],
  { namespace, virtualService: rule }: CallersPlace,
): MeshObject {
  const {
    http: own,
    tls,
    tcp,
  } = (rule === undefined ? {} : toJson(VirtualServiceSchema, rule.spec)) as {
    readonly http?: readonly HttpRoute[];
    readonly tls?: unknown;
    readonly tcp?: unknown;
  };
  const routes = own ?? [{ route: [{ destination: { host } }] }];
  const http = entries.flatMap((entry) => {
    const port = ports.length > 1 ? { port: entry.port } : {};
    return variantsOf(entry).flatMap(({ kept, mark }) =>
      routes.map((route) => forCallers(route, kept, sources(entry, mark, port))),
    );
  });
  return object('VirtualService', objectName('callers-of', host), namespace, rule?.place, {
    hosts: [host],
    exportTo: ['.'],
    http: [...http, ...routes],
    ...(tls === undefined ? {} : { tls }),
    ...(tcp === undefined ? {} : { tcp }),
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
  { host }: MeshService,
  entries: readonly CallersEntry[],
  { namespace, destinationRule: rule, hasOwnRule }: CallersPlace,
): readonly MeshObject[] {
  if (rule === undefined || !breaksCircuits(rule.spec)) return [];
  const consumers = entries.flatMap(({ consumers: of, over }) =>
    of.includes(ALL) || !over.unmarked.includes('circuitBreaking') ? [] : of,
  );
  if (consumers.length === 0) return [];
  const { workloadSelector: _, ...spec } = toJson(DestinationRuleSchema, rule.spec) as Json;
  // By name, not "."; a rule for all whose `exportTo` equals that of one for some is joined into it, and gone for all others.
  const made = (name: string, of: Json): MeshObject =>
    object('DestinationRule', objectName(name, host), namespace, rule.place, { ...of, host, exportTo: [namespace] });
  const bare = bareRule(spec);
  return [
    ...(hasOwnRule ? [] : [made('callers-of', spec)]),
    ...[...new Set(consumers)].sort().map((consumer) => {
      const name = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(consumer) ? consumer : `caller-${contentVersion(consumer)}`;
      return made(`${name}-to`, { ...bare, workloadSelector: { matchLabels: { [CONSUMER_LABEL]: consumer } } });
    }),
  ];
}

/** Longest name of an object in Kubernetes. */
const LONGEST_NAME = 253;

function objectName(prefix: string, host: string): string {
  const name = `${prefix}.${host}`;
  if (name.length <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME - 17).replace(/[-.]+$/, '')}-${contentVersion(host)}`;
}

/** A rule without what breaks circuits. */
function bareRule({ trafficPolicy, subsets, ...rule }: Json): Json {
  const parts = ((subsets ?? []) as readonly Json[]).map(({ trafficPolicy: own, ...subset }) => ({
    ...subset,
    ...present('trafficPolicy', barePolicy(own as Json | undefined)),
  }));
  return {
    ...rule,
    // Without one Istio's merge takes that of the next rule of the namespace, breakers and all.
    trafficPolicy: barePolicy(trafficPolicy as Json | undefined) ?? NO_POLICY,
    ...(parts.length === 0 ? {} : { subsets: parts }),
  };
}

/** What Istio does without a policy. */
const NO_POLICY: Json = { loadBalancer: { simple: 'LEAST_REQUEST' } };

/** @returns undefined where nothing is left: Istio takes no policy without a field */
function barePolicy(policy: Json = {}): Json | undefined {
  const { outlierDetection: _, connectionPool, portLevelSettings, ...rest } = policy;
  const ports = ((portLevelSettings ?? []) as readonly Json[]).map(({ port, ...settings }) => ({
    port,
    // They replace the rule's with defaults for what they leave out; this is the one that says no more than that.
    ...(barePolicy(settings) ?? NO_POLICY),
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
  const labels = { 'app.kubernetes.io/managed-by': 'isthmus', [CALLERS_LABEL]: 'plan' };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace, labels, annotations }, spec };
}
