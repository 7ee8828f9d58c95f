import { hash } from 'node:crypto';
import type { Diagnostic, Scope } from '@isthmus/model';
import { serviceId } from '@isthmus/model';
import {
  applicationEndpoints,
  buildEndpoint,
  buildRecord,
  dubboMetadata,
  dubboWeight,
  isDubboApplication,
  isDubboDisabled,
  meshHostName,
  meshProtocol,
  printable,
} from '@isthmus/registry';
import type { BuiltEndpoint, RawInstance, ServiceRead } from '@isthmus/registry';

/** A Curator instance has 1 kB, with long metadata 10 kB; ZooKeeper allows a megabyte. */
const MOST_BYTES = 128 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** What the data of one node says; read once, however often its neighbours change. */
export interface ReadInstance {
  readonly built: readonly BuiltEndpoint[];
  readonly diagnostic: Diagnostic | undefined;
  /** Of the two above. */
  readonly hash: string;
}

export function readInstance(scope: Scope, application: string, id: string, data: Buffer): ReadInstance {
  const where = serviceId({ ...scope, name: application });
  const result = instancesOf(id, data);
  if ('problem' in result) return withHash([], notReadable(where, id, result.problem));
  return withHash(
    result.instances.map((raw) => buildEndpoint(raw, where)),
    undefined,
  );
}

/** An instance that we may not read. */
export function refusedInstance(scope: Scope, application: string, id: string, why: string): ReadInstance {
  return withHash([], notReadable(serviceId({ ...scope, name: application }), id, why));
}

/** Of what was made of it: Curator writes a new time at each registration. */
function withHash(built: readonly BuiltEndpoint[], diagnostic: Diagnostic | undefined): ReadInstance {
  return { built, diagnostic, hash: hash('sha1', JSON.stringify([built, diagnostic]), 'base64') };
}

/**
 * Dubbo 3 at application level and Spring Cloud ZooKeeper: the data of `/services/<application>/<id>`, JSON of Curator's service
 * discovery. A Dubbo application has an endpoint for each of its protocols.
 */
function instancesOf(id: string, data: Buffer): { readonly instances: readonly RawInstance[] } | { readonly problem: string } {
  if (data.length === 0) return { problem: 'no data' };
  if (data.length > MOST_BYTES) return { problem: `${data.length} bytes of data, the most is ${MOST_BYTES}` };
  let json: unknown;
  try {
    json = JSON.parse(data.toString('utf8'));
  } catch {
    return { problem: 'no JSON, or only the beginning of it' };
  }
  if (!isObject(json)) return { problem: 'JSON that is no instance of Curator’s service discovery' };
  const payload = isObject(json['payload']) ? json['payload'] : {};
  const metadata = textsOf(payload['metadata']);
  const base = { address: json['address'], health: healthOf(json, metadata) };
  if (!isDubboApplication(metadata)) {
    const secure = json['port'] === null || json['port'] === undefined;
    const port = secure ? json['sslPort'] : json['port'];
    const weight = metadata['weight'] === undefined ? 1 : Number(metadata['weight']);
    const common = { ...base, port, weight, instanceId: id, metadata, ...(secure ? { protocol: 'https' } : {}) };
    return { instances: [common] };
  }
  const said = dubboMetadata(metadata);
  const endpoints = applicationEndpoints(metadata, json['port']);
  return {
    instances: endpoints.map(({ port, protocol }) => ({
      ...base,
      ...said,
      metadata: { ...(said.metadata as Json), protocol },
      port,
      weight: dubboWeight(metadata['weight']),
      protocol: meshProtocol(protocol),
      instanceId: endpoints.length === 1 ? id : `${id} ${protocol}`,
    })),
  };
}

/** `dubbo-greeter.services.zookeeper`: what Higress gives for the root `/services`. */
export function applicationRead(
  scope: Scope,
  application: string,
  root: string,
  instances: ReadonlyMap<string, ReadInstance>,
): ServiceRead | { readonly rejected: Diagnostic } {
  const key = { ...scope, name: application };
  const host = meshHostName([application, root.split('/').filter(Boolean).join('-')], 'zookeeper');
  const all = [...instances.values()];
  const diagnostics = all.flatMap(({ diagnostic }) => diagnostic ?? []);
  const result = buildRecord(
    key,
    host,
    all.flatMap(({ built }) => built),
    { diagnostics },
  );
  if ('rejected' in result) return result;
  // The record is made of these alone, and they are shorter than it.
  const texts = [...instances].map(([id, instance]) => `${id} ${instance.hash}`).sort();
  return { id: serviceId(key), record: result.record, hash: hash('sha1', texts.join(' '), 'base64'), persistent: false };
}

function notReadable(where: string, id: string, what: string): Diagnostic {
  return {
    code: 'answer.invalid',
    severity: 'error',
    where: `${where} ${printable(id)}`,
    what,
    meaning: 'the instance is left out',
    remedy: 'look at who writes that node',
  };
}

/** Spring Cloud writes `instance_status`; Curator has `enabled`, which an operator may set; Dubbo has the parameters of a provider. */
function healthOf(json: Json, metadata: Readonly<Record<string, string>>): RawInstance['health'] {
  if (json['enabled'] === false || isDubboDisabled(metadata)) return 'disabled';
  const status = (metadata['instance_status'] ?? 'UP').toUpperCase();
  return status === 'UP' ? 'healthy' : status === 'OUT_OF_SERVICE' ? 'disabled' : 'unhealthy';
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  const texts: Record<string, string> = {};
  for (const key of Object.keys(value).sort()) {
    const entry = value[key];
    const text = typeof entry === 'string' ? entry : JSON.stringify(entry);
    if (text !== undefined && entry !== null) texts[key] = text;
  }
  return texts;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
