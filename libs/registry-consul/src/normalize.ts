import type { Diagnostic, Health, Locality, ServiceKey, ServiceRecord } from '@isthmus/model';
import { serviceId } from '@isthmus/model';
import { buildRecord, meshHostName } from '@isthmus/registry';
import type { RawInstance } from '@isthmus/registry';
import { ConsulFailure } from './failure.ts';

export interface NormalizeRules {
  /** A check in warning takes the instance out; else its `Weights.Warning` counts. */
  readonly passingOnly: boolean;
}

export type Normalized =
  | { readonly kind: 'record'; readonly record: ServiceRecord }
  /** No instance that a caller could mean: none at all, or only Connect proxies and gateways. */
  | { readonly kind: 'none' }
  | { readonly kind: 'rejected'; readonly diagnostic: Diagnostic };

/**
 * One answer of `/v1/health/service/<name>` → record. Pure. Unknown fields are ignored; an entry that is no object
 * costs that entry.
 * @throws ConsulFailure `answer` when it is no list.
 */
export function normalizeService(key: ServiceKey, answer: unknown, rules: NormalizeRules): Normalized {
  if (!Array.isArray(answer)) throw new ConsulFailure('answer', 'the answer is no list of instances', 'answer.invalid');
  const instances: RawInstance[] = [];
  let synced = 0;
  for (const [at, entry] of answer.entries()) {
    const service = objectOf(objectOf(entry)?.['Service']);
    if (service !== undefined && textOf(service['Kind']) !== '') continue; // connect-proxy, mesh-gateway, api-gateway, …
    instances.push(instanceOf(objectOf(entry), `entry ${at}`, rules));
    if (listOf(service?.['Tags']).includes('k8s')) synced += 1;
  }
  if (instances.length === 0) return { kind: 'none' };
  const host = meshHostName([key.name, key.namespace], 'consul');
  const result = buildRecord(key, host, instances);
  if ('rejected' in result) return { kind: 'rejected', diagnostic: result.rejected };
  return { kind: 'record', record: synced === 0 ? result.record : noteSync(result.record, synced) };
}

function instanceOf(entry: JsonObject | undefined, place: string, rules: NormalizeRules): RawInstance {
  const node = objectOf(entry?.['Node']);
  const service = objectOf(entry?.['Service']);
  const name = textOf(node?.['Node']);
  const id = textOf(service?.['ID']);
  const metadata = metadataOf(service);
  const state = stateOf(entry?.['Checks'], rules);
  const weights = objectOf(service?.['Weights']);
  const weight = state.warning ? weights?.['Warning'] : weights?.['Passing'];
  const address = textOf(service?.['Address']);
  return {
    // A service ID is unique on its node only; deregistering from the catalog needs both.
    instanceId: name === '' && id === '' ? place : `${name}/${id}`,
    address: address === '' ? node?.['Address'] : address,
    port: service?.['Port'],
    weight: weight ?? 1,
    health: state.health,
    metadata,
    ...localityOf(service, node),
    // Spring Cloud registers `secure: "true"` for an instance that speaks TLS.
    ...(isTrue(metadata) ? { protocol: 'https' } : {}),
  };
}

/** `Meta`, and tags of the form `name=value` where `Meta` has no such name (Spring Cloud's older way). Plain tags are no metadata. */
function metadataOf(service: JsonObject | undefined): unknown {
  const meta = service?.['Meta'];
  if (meta !== undefined && meta !== null && objectOf(meta) === undefined) return meta; // refused with a diagnostic
  const merged: Record<string, unknown> = {};
  for (const tag of listOf(service?.['Tags'])) {
    const at = typeof tag === 'string' ? tag.indexOf('=') : -1;
    if (at > 0) merged[(tag as string).slice(0, at)] = (tag as string).slice(at + 1);
  }
  return Object.assign(merged, meta);
}

/** Consul's own rule: the worst check counts, the node's (serfHealth) included; no checks at all means passing. */
function stateOf(checks: unknown, rules: NormalizeRules): { readonly health: Health; readonly warning: boolean } {
  let worst: 'passing' | 'warning' | 'critical' = 'passing';
  for (const entry of listOf(checks)) {
    const check = objectOf(entry);
    const id = textOf(check?.['CheckID']);
    if (id === '_node_maintenance' || id.startsWith('_service_maintenance:')) return { health: 'disabled', warning: false };
    const status = textOf(check?.['Status']);
    if (status === 'warning' && worst === 'passing') worst = 'warning';
    else if (status !== 'passing' && status !== 'warning') worst = 'critical';
  }
  if (worst === 'critical') return { health: 'unhealthy', warning: false };
  if (worst === 'warning')
    return rules.passingOnly ? { health: 'unhealthy', warning: false } : { health: 'healthy', warning: true };
  return { health: 'healthy', warning: false };
}

/** `Locality` of the service or its node (Consul 1.17 on), else the node's metadata. The service's own metadata wins over these. */
function localityOf(service: JsonObject | undefined, node: JsonObject | undefined): { readonly locality?: Locality } {
  for (const given of [objectOf(service?.['Locality']), objectOf(node?.['Locality'])]) {
    const region = textOf(given?.['Region']);
    const zone = textOf(given?.['Zone']);
    if (region !== '' || zone !== '') return { locality: { region, zone, subzone: '' } };
  }
  const meta = objectOf(node?.['Meta']);
  const [region, zone, subzone] = ['region', 'zone', 'subzone'].map((name) => textOf(meta?.[name])) as [string, string, string];
  return region === '' && zone === '' ? {} : { locality: { region, zone, subzone } };
}

/** consul-k8s tags what it copied from Kubernetes; behind a mesh the same Pods may be there a second time. */
function noteSync(record: ServiceRecord, count: number): ServiceRecord {
  const note: Diagnostic = {
    code: 'service.imported',
    severity: 'info',
    where: serviceId(record.key),
    what: `${count} instances have the tag k8s: consul-k8s copied them from Kubernetes`,
    meaning: 'they are kept; the same Pods may also be known to the mesh by their Kubernetes service',
    remedy: 'exclude the service here if the mesh already has it',
  };
  return { ...record, diagnostics: [...record.diagnostics, note] };
}

type JsonObject = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isTrue(metadata: unknown): boolean {
  return objectOf(metadata)?.['secure'] === 'true';
}

/**
 * The names in an answer of `/v1/catalog/services`.
 * @throws ConsulFailure `answer` when it is no object.
 */
export function serviceNames(answer: unknown): readonly string[] {
  const services = objectOf(answer);
  if (services === undefined) throw new ConsulFailure('answer', 'the answer is no list of services', 'answer.invalid');
  return Object.keys(services);
}

/** One failing check of `/v1/health/state/<state>`, or one node of `/v1/catalog/nodes`: equal while nothing changed. */
export interface Mark {
  readonly id: string;
  readonly modified: string;
  readonly node: string;
  /** `''`: the whole node is meant. */
  readonly service: string;
}

/** @throws ConsulFailure `answer` when it is no list. */
export function marksOf(answer: unknown): readonly Mark[] {
  if (!Array.isArray(answer)) throw new ConsulFailure('answer', 'the answer is no list', 'answer.invalid');
  return answer.map((entry) => {
    const mark = objectOf(entry);
    const node = textOf(mark?.['Node']);
    const check = textOf(mark?.['CheckID']);
    return {
      id: `${node}/${check}`,
      modified: String(mark?.['ModifyIndex'] ?? ''),
      node,
      service: textOf(mark?.['ServiceName']),
    };
  });
}

/** The marks that came, went or changed from one answer to the next. */
export function changedMarks(before: readonly Mark[], after: readonly Mark[]): readonly Mark[] {
  const known = new Map(before.map((mark) => [mark.id, mark]));
  const changed: Mark[] = [];
  for (const mark of after) {
    const old = known.get(mark.id);
    known.delete(mark.id);
    if (old?.modified !== mark.modified) changed.push(mark);
  }
  return [...changed, ...known.values()];
}
