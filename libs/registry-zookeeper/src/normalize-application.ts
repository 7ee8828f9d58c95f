import type { Diagnostic, Scope } from '@isthmus/model';
import { serviceId } from '@isthmus/model';
import {
  applicationEndpoints,
  buildRecord,
  dubboMetadata,
  dubboWeight,
  isDubboApplication,
  isDubboDisabled,
  meshHostName,
  meshProtocol,
  printable,
} from '@isthmus/registry';
import type { RawInstance, RecordResult } from '@isthmus/registry';

/** A Curator instance has 1 kB, with long metadata 10 kB; ZooKeeper allows a megabyte. */
const MOST_BYTES = 128 * 1024;

type Json = Readonly<Record<string, unknown>>;

export type InstanceResult = { readonly instances: readonly RawInstance[] } | { readonly problem: string };

/**
 * Dubbo 3 at application level and Spring Cloud ZooKeeper: the data of `/services/<application>/<id>`, JSON of Curator's service
 * discovery. A Dubbo application has an endpoint for each of its protocols.
 */
export function instancesOf(id: string, data: Buffer): InstanceResult {
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
export function applicationRecord(
  scope: Scope,
  application: string,
  root: string,
  instances: Iterable<readonly [id: string, result: InstanceResult]>,
): RecordResult {
  const key = { ...scope, name: application };
  const good: RawInstance[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [id, result] of instances) {
    if ('instances' in result) good.push(...result.instances);
    else {
      diagnostics.push({
        code: 'answer.invalid',
        severity: 'error',
        where: `${serviceId(key)} ${printable(id)}`,
        what: result.problem,
        meaning: 'the instance is left out',
        remedy: 'look at who writes that node',
      });
    }
  }
  const host = meshHostName([application, root.split('/').filter(Boolean).join('-')], 'zookeeper');
  return buildRecord(key, host, good, { diagnostics });
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
