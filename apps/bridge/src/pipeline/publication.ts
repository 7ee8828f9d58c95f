import { servicePattern, textPattern } from '@isthmus/catalog';
import type { PublishConfig } from '@isthmus/config';
import { isHttpLike, parseServiceId, takesTraffic } from '@isthmus/model';
import type { MeshEndpoint, MeshService, ServiceKey } from '@isthmus/model';
import { marksOf, withoutMarks } from '@isthmus/registry';
import type { Publication, PublishedInstance } from '@isthmus/registry';

/** Metadata that means something to the registry that an instance came from, and would say it again in another one. */
const OWN_TO_REGISTRY = /^(?:preserved\.|management\.|secure$|weight$|protocol$|external-source$|register-resource$|syncSource$)/;

/** One entry of `publish:`, ready to be asked per service. */
export interface PublishRule {
  readonly config: PublishConfig;
  matches(service: MeshService): boolean;
}

export function publishRule(config: PublishConfig): PublishRule {
  const hosts = config.services.filter((pattern) => !pattern.includes('/')).map((pattern) => textPattern(pattern.toLowerCase()));
  const services = config.services.filter((pattern) => pattern.includes('/')).map(servicePattern);
  const matchesKey = (key: ServiceKey | undefined) => key !== undefined && services.some((test) => test(key));
  return {
    config,
    matches: ({ host, origins }) => hosts.some((test) => test(host)) || origins.some((id) => matchesKey(parseServiceId(id))),
  };
}

/**
 * What a service is written as; undefined where there is nothing of it to write. Pure. Instances that the registry itself
 * lists never go back into it: a host that several registries have is only completed by what is elsewhere.
 * `idle`: a gateway also where no instance behind it takes traffic.
 */
export function publicationOf(service: MeshService, { config }: PublishRule, idle = false): Publication | undefined {
  const elsewhere = publishable(service, config);
  const first = elsewhere[0];
  if (first === undefined) return undefined;
  const instances = instancesOf(elsewhere, config, idle);
  if (instances.length === 0) return undefined;
  const byAddress = new Map(instances.map((instance) => [`${instance.address} ${instance.port}`, instance]));
  return {
    host: service.host,
    at: { namespace: config.namespace, group: config.group, name: nameOf(service, first, config.name) },
    instances: [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, instance]) => instance),
    ttlMs: config.ttlMs,
  };
}

/** What may be written of it into that registry, whether it takes traffic or not. */
export function publishable(service: MeshService, config: PublishConfig): readonly MeshEndpoint[] {
  const portName = portOf(service, config.port);
  return service.endpoints.filter((e) => e.portName === portName && sourceOf(e) !== config.to);
}

function instancesOf(endpoints: readonly MeshEndpoint[], config: PublishConfig, idle: boolean): readonly PublishedInstance[] {
  switch (config.address) {
    case 'instance':
      return endpoints.filter((e) => takesTraffic(e.endpoint)).map((e) => published(e, config, e.endpoint));
    case 'sidecar': {
      const port = config.sidecarPort ?? 0; // the schema demands it
      return endpoints.filter((e) => takesTraffic(e.endpoint)).map((e) => published(e, config, { ...e.endpoint, port }));
    }
    case 'gateway': {
      // Behind it nobody would answer: callers shall see what a registry says of a service without healthy instances.
      const first = endpoints.find((e) => takesTraffic(e.endpoint)) ?? (idle ? endpoints[0] : undefined);
      if (first === undefined) return [];
      // The gateway stands for all of them: what one instance says of itself does not hold for it.
      return config.gateways.map((place) => ({
        ...published(first, config, { ...place, weight: 1 }),
        metadata: config.metadata,
      }));
    }
    default:
      return config.address satisfies never;
  }
}

function published(
  { endpoint, origin }: MeshEndpoint,
  { metadata }: PublishConfig,
  at: { readonly address: string; readonly port: number; readonly weight: number },
): PublishedInstance {
  const marks = marksOf(endpoint.metadata);
  const own = Object.entries(withoutMarks(endpoint.metadata)).filter(([key]) => !OWN_TO_REGISTRY.test(key));
  return {
    address: at.address,
    port: at.port,
    protocol: endpoint.protocol,
    weight: at.weight,
    metadata: { ...Object.fromEntries(own), ...metadata },
    origin: marks === undefined || marks.origin === '' ? origin : marks.origin,
    path: marks?.path ?? [],
    source: sourceOf({ origin }),
  };
}

/** SDKs know one port of an instance: the one named, else the first that is HTTP-like, else the first. */
function portOf({ ports }: MeshService, wanted: PublishConfig['port']): string | undefined {
  if (wanted !== undefined) return ports.find((port) => port.number === wanted || port.name === wanted)?.name;
  return (ports.find((port) => isHttpLike(port.protocol)) ?? ports[0])?.name;
}

function nameOf(service: MeshService, { origin }: MeshEndpoint, template: string): string {
  const key = parseServiceId(origin);
  const parts: Readonly<Record<string, string>> = {
    host: service.host,
    source: key?.source ?? '',
    namespace: key?.namespace ?? '',
    group: key?.group ?? '',
    name: key?.name ?? service.host,
  };
  return template.replace(/\{(host|source|namespace|group|name)\}/g, (_, part: string) => parts[part] ?? '');
}

function sourceOf({ origin }: { readonly origin: MeshEndpoint['origin'] }): ServiceKey['source'] {
  return origin.slice(0, origin.indexOf('/')) as ServiceKey['source'];
}
