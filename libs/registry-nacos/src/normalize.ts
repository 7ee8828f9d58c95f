import type { ServiceKey } from '@isthmus/model';
import { buildRecord, dubboCategory, isDubboApplication, meshHostName } from '@isthmus/registry';
import type { RawInstance, RecordResult } from '@isthmus/registry';
import { dubboApplication, dubboProvider } from './normalize-dubbo.ts';
import type { Json } from './json-body.ts';
import type { ServiceOutcome } from './outcome.ts';

/** What a `ServiceInfo` says beside its instances. */
export interface ServiceInfo {
  /** Milliseconds of the server's read: an older one never replaces a newer one of the same connection. */
  readonly lastRefTime: number;
  /** All hosts were rewritten to `healthy: true`, because too few are (protectThreshold). */
  readonly protectionReached: boolean;
  readonly hosts: readonly Json[];
  /** Of a large message, whose hosts a worker has normalised already; `hosts` is empty then. */
  readonly prepared?: ServiceOutcome;
}

/** Beside the objects, not in them: what Nacos sends must not be able to pose as prepared. */
const preparedOf = new WeakMap<object, ServiceOutcome>();

export function setPrepared(serviceInfo: object, outcome: ServiceOutcome): void {
  preparedOf.set(serviceInfo, outcome);
}

/** The `serviceInfo` of an answer or a push; undefined when it is none. Unknown fields do not matter. */
export function serviceInfoOf(value: unknown): ServiceInfo | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const info = value as Json;
  const hosts = info['hosts'];
  if (!Array.isArray(hosts)) return undefined;
  const lastRefTime = info['lastRefTime'];
  const prepared = preparedOf.get(info);
  return {
    ...(prepared === undefined ? {} : { prepared }),
    lastRefTime: typeof lastRefTime === 'number' ? lastRefTime : 0,
    protectionReached: info['reachProtectionThreshold'] === true,
    hosts: hosts.filter((host): host is Json => typeof host === 'object' && host !== null && !Array.isArray(host)),
  };
}

/** `orders.default-group.public.nacos`, as users of Higress and of Nacos's own Istio module know it. */
function hostOf(key: ServiceKey) {
  return meshHostName([key.name, key.group, key.namespace], 'nacos');
}

export function recordOf(key: ServiceKey, info: ServiceInfo): RecordResult {
  if (dubboCategory(key.name) === 'providers') {
    return buildRecord(
      key,
      hostOf(key),
      info.hosts.map((host) => dubboProvider(rawInstance(host))),
    );
  }
  return buildRecord(key, hostOf(key), info.hosts.flatMap(instancesOf));
}

/** Ephemeral and persistent instances do not mix in a service (Nacos refuses it). Persistent ones survive a restart. */
export function isPersistent(info: ServiceInfo): boolean {
  return info.hosts.length > 0 && info.hosts.every((host) => host['ephemeral'] === false);
}

function instancesOf(host: Json): readonly RawInstance[] {
  const instance = rawInstance(host);
  const { metadata } = instance;
  const isDubbo = typeof metadata === 'object' && metadata !== null && isDubboApplication(metadata as Json);
  return isDubbo ? dubboApplication(instance) : [instance];
}

function rawInstance(host: Json): RawInstance {
  return {
    instanceId: typeof host['instanceId'] === 'string' ? host['instanceId'] : `${String(host['ip'])}#${String(host['port'])}`,
    address: host['ip'],
    port: host['port'],
    weight: host['weight'],
    health: host['enabled'] === false ? 'disabled' : host['healthy'] === true ? 'healthy' : 'unhealthy',
    metadata: sorted(host['metadata']),
    cluster: typeof host['clusterName'] === 'string' ? host['clusterName'] : '',
    ...(isSecure(host['metadata']) ? { protocol: 'https' } : {}),
  };
}

/** Spring Cloud Alibaba's `spring.cloud.nacos.discovery.secure`: callers use https then. `protocol` in the metadata wins. */
function isSecure(metadata: unknown): boolean {
  return typeof metadata === 'object' && metadata !== null && (metadata as Json)['secure'] === 'true';
}

/** Nacos lists metadata in the order of a hash map; equal content has to give an equal record. */
function sorted(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return metadata;
  const keys = Object.keys(metadata);
  if (keys.length < 2) return metadata;
  return Object.fromEntries(keys.sort().map((key) => [key, (metadata as Json)[key]]));
}
