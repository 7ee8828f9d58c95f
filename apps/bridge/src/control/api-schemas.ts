import type {
  ConflictView,
  DiagnosticList,
  EndpointView,
  ExplainAnswer,
  ExplainedHost,
  ExplainedOrigin,
  HeldView,
  LeftOut,
  Problem,
  PublishedResource,
  ReleaseAnswer,
  ReplicaView,
  RetainedView,
  ServiceDetail,
  ServiceView,
  SourceView,
} from '@isthmus/contract';
import { PROTOCOLS } from '@isthmus/model';
import type { Diagnostic, ServicePort } from '@isthmus/model';
import { AGENT_SCHEMAS } from './agent-schemas.ts';
import { fields, flag, integer, oneOf, optional, ref, refs, text, textMap, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';
import { OUTPUT_SCHEMAS } from './output-schemas.ts';
import { PLAN_SCHEMAS } from './plan-schemas.ts';
import { PROXY_SCHEMAS } from './proxy-schemas.ts';
import { LIVENESS_SCHEMAS } from './liveness-schemas.ts';
import { SHADOW_SCHEMAS } from './shadow-schemas.ts';
import { RULE_SCHEMAS } from './rule-schemas.ts';
import { PUBLICATION_SCHEMAS } from './publication-schemas.ts';

const STATES = ['syncing', 'live', 'partial', 'stale'];
const state = oneOf(
  STATES,
  'syncing: never read completely; live: what we have is what it has; partial: some could not be read; stale: it cannot be reached, or restarted and is not trusted yet',
);
const protocol = oneOf(PROTOCOLS, 'As Istio names it; what it does not know is tcp');
const at = (what: string): Schema => integer(`${what}, ms since the epoch`);
const serviceIds = 'Service ids, registry/namespace/group/name';
const vip = optional(text('Virtual address, of 240.241.0.0/16'));

const service = {
  host: text('Mesh host, what callers use'),
  ports: refs('ServicePort', 'Sorted by number'),
  healthy: integer('Endpoints that take traffic'),
  origins: texts(`${serviceIds} that map to the host`),
  vip,
  stale: flag('The registry of at least one origin is stale'),
  ageMs: optional(integer('Ms since the least recently heard of its registries confirmed what it says')),
  changedMs: optional(integer('Ms since what the registries say of it changed')),
  namespace: optional(text('Mesh namespace')),
  exportTo: optional(texts('Namespaces that may see it, where not all do')),
};

/** `components.schemas` of the OpenAPI document: the types of `@isthmus/contract`, which the compiler holds it to. */
export const API_SCHEMAS: Readonly<Record<string, Schema>> = {
  SourceView: fields<SourceView>('One scope (namespace and group) of one registry.', {
    source: text("The registry's name in the config"),
    kind: text('nacos, consul, eureka'),
    namespace: text('Nacos namespace, Consul datacenter; empty where the registry has none'),
    group: text('Nacos group; empty where the registry has none'),
    state,
    since: optional(at('When it became stale')),
    cause: optional(text('Why it is partial or stale')),
    ageMs: optional(integer('Ms since the registry last confirmed what is known of it; absent when it never did')),
    stateMs: optional(integer('Ms since it is in this state')),
    emptyMs: optional(integer('Ms since the registry lists nothing at all')),
    services: integer('Services that it lists'),
    endpoints: integer('Endpoints that it lists'),
    held: integer('Endpoints whose removal waits for a confirmation'),
    damped: optional(integer('Endpoints that come and go so often that their going waits')),
    refused: optional(integer('Endpoints left out as older views of registrations that are over')),
    diagnostics: integer('Problems in its records'),
  }),
  ServicePort: fields<ServicePort>("A mesh host's port; instances have ports of their own.", {
    number: integer('80 for HTTP-like protocols'),
    name: text('protocol-number, such as http-80'),
    protocol,
    targetPort: optional(integer('Where a ServiceEntry maps it for endpoints that do not say theirs')),
  }),
  ReplicaView: fields<ReplicaView>('How this bridge stands to its replicas.', {
    id: text('Of this process; empty where there is one replica'),
    role: oneOf(['leader', 'follower', 'alone'], 'alone: the ledger is a file, and this is the only replica'),
    epoch: integer('Grows with every new leader'),
    ledgerRevision: integer('Of the shared ledger as far as this replica has it; equal revisions, equal answers'),
    leader: optional(text('Who leads, as far as is known')),
    leaderControl: optional(text('Its control API')),
    storeSilentMs: optional(integer('Ms since the store answered last')),
    waiting: integer('Changes that wait for the leader or the store'),
    withheld: integer('Hosts that are not published yet because the leader has not given them an address'),
    problem: optional(text('Why the store cannot be used now')),
  }),
  ServiceView: fields<ServiceView>('One mesh host.', {
    ...service,
    endpoints: integer('Endpoints that the registries list'),
    diagnostics: integer('Problems in its records'),
  }),
  ServiceDetail: fields<ServiceDetail>('One mesh host with all that is known of it.', {
    ...service,
    endpoints: refs('EndpointView', 'All that the registries list'),
    diagnostics: refs('Diagnostic', 'Problems in its records'),
  }),
  EndpointView: fields<EndpointView>('One instance.', {
    host: text('Mesh host'),
    address: text('IP, or a DNS name'),
    port: integer("The instance's own port"),
    portName: text('The port of the mesh host that it serves'),
    protocol,
    weight: { type: 'number', description: "The registry's scale: 1 is normal, 0 gets nothing" },
    health: oneOf(
      ['healthy', 'unhealthy', 'disabled', 'evicted'],
      'unhealthy: checks say so; disabled: an operator took it out; evicted: its Pod is gone or not ready',
    ),
    locality: text('region/zone/subzone; empty when unknown'),
    origin: text('Service id'),
    cluster: text('Cluster of the registry (Nacos)'),
    labels: textMap('Valid Kubernetes labels, made of the metadata'),
    takesTraffic: flag('Healthy, enabled, and its weight is above 0'),
    ageMs: optional(integer('Ms since its registry confirmed it')),
    retained: optional(ref('RetainedView')),
    metadata: optional(textMap('What the registry said, where the labels are not just that; in explain only')),
  }),
  RetainedView: fields<RetainedView>(
    'Why an endpoint is published although its registry no longer lists it, or calls it unhealthy.',
    {
      why: oneOf(
        ['mass', 'outage', 'flap'],
        'mass: it would go with too many others; outage: its registry was away just before; flap: it comes and goes',
      ),
      listed: optional(flag('Its registry lists it, as unhealthy: many turned so at once, and it is kept as it was')),
      forMs: integer('Ms since the registry stopped listing it, or first called it unhealthy'),
      goesInMs: optional(
        integer('Ms until it goes, or is unhealthy here too, if nothing changes; absent while its registry is not followed'),
      ),
    },
  ),
  ConflictView: fields<ConflictView>('Several services claim one host.', {
    host: text('Mesh host'),
    winner: text('Service id'),
    losers: texts(`${serviceIds} that are left out`),
    reason: text('What decided'),
  }),
  HeldView: fields<HeldView>('A mass removal that waits.', {
    scope: text('Scope id, as the release takes it'),
    since: at('When it was first seen'),
    removing: integer('Endpoints that would go, or get no requests any more'),
    unhealthy: optional(integer('How many of them the registry still lists: it calls them unhealthy')),
    of: integer('Endpoints that the scope has'),
    confirmAt: at('From when on it may be confirmed'),
    heldMs: optional(integer('Ms since it is held')),
    services: texts(`${serviceIds}, at most 20`),
  }),
  ReleaseAnswer: fields<ReleaseAnswer>('What a release did.', { released: integer('Endpoints that it removed') }),
  Diagnostic: fields<Diagnostic>('Something that is wrong, and how to mend it.', {
    code: text('docs/diagnostics.md lists them'),
    severity: oneOf(
      ['error', 'warning', 'info'],
      'error: something is left out because of it; warning: something was changed; info: worth knowing',
    ),
    where: text('Scope, service, instance, or file:line:column'),
    what: text('What was found'),
    meaning: text('What follows from it'),
    remedy: text('What to do'),
  }),
  DiagnosticList: fields<DiagnosticList>('Everything that is wrong.', {
    items: refs('Diagnostic', 'At most 1,000'),
    counts: { type: 'object', additionalProperties: { type: 'integer' }, description: 'How many of each code there are in all' },
  }),
  ExplainAnswer: fields<ExplainAnswer>('What is known of a host or address.', {
    query: text('As asked'),
    matches: refs('ExplainedHost', 'Empty when nothing is known; at most 50'),
  }),
  ExplainedHost: fields<ExplainedHost>('One host, from the registries to the proxies.', {
    host: text('Mesh host'),
    origins: refs('ExplainedOrigin', 'What the registries say'),
    merge: fields<ExplainedHost['merge']>('What the rules did.', {
      rule: text('"default host of shop", or "merge.hosts[0]"'),
      ports: refs('ServicePort', 'Sorted by number'),
      vip,
      namespace: optional(text('Mesh namespace')),
      exportTo: optional(texts('Namespaces that may see it, where not all do')),
      rules: optional(texts('What the other rules of the host did')),
    }),
    outputs: fields<ExplainedHost['outputs']>('Where it went.', {
      xds: refs('PublishedResource', 'For Envoy'),
      mcp: refs('PublishedResource', 'For istiod'),
    }),
    published: optional(refs('PublicationView', 'Where it is published back')),
    trafficRules: optional(ref('ExplainedRules')),
    plans: optional(refs('ExplainedPlan', 'Migration plans of it; absent where there are none')),
    leftOut: refs('LeftOut', 'Instances that get no traffic'),
  }),
  ExplainedOrigin: fields<ExplainedOrigin>('What one registry says of one service.', {
    service: text('Service id'),
    source: text("The registry's name in the config"),
    kind: text('nacos, consul, eureka'),
    via: optional(texts('Set where the source is another bridge: the services that it has it from')),
    state,
    since: optional(at('When it became stale')),
    cause: optional(text('Why it is partial or stale')),
    ageMs: optional(integer('Ms since the registry last confirmed its scope')),
    changedMs: optional(integer('Ms since what the registry says of it changed')),
    defaultHost: optional(text("The host that the registry's users expect, where a rule gave another")),
    rules: optional(texts('What the rules did to its endpoints')),
    endpoints: refs('EndpointView', 'As published: after the rules'),
    diagnostics: refs('Diagnostic', 'Problems in the record'),
  }),
  PublishedResource: fields<PublishedResource>('One resource of an output.', {
    type: text('Type URL'),
    name: text('Name'),
    version: text('Hash of its content'),
  }),
  LeftOut: fields<LeftOut>('An instance that gets no traffic.', {
    address: text('As the registry has it'),
    port: integer('0 when it has none that can be used'),
    service: text('Service id'),
    reason: text('Why'),
  }),
  ...PROXY_SCHEMAS,
  ...AGENT_SCHEMAS,
  ...OUTPUT_SCHEMAS,
  ...PLAN_SCHEMAS,
  ...SHADOW_SCHEMAS,
  ...RULE_SCHEMAS,
  ...PUBLICATION_SCHEMAS,
  ...LIVENESS_SCHEMAS,
  Problem: fields<Problem>('Every answer that is no success (RFC 9457).', {
    type: text('about:blank'),
    title: text('What kind of problem'),
    status: integer('The HTTP status'),
    detail: optional(text('What is wrong here')),
    remedy: optional(text('What to do about it')),
  }),
};
