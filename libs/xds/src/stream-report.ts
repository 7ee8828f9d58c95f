import type { TypeUrl } from '@isthmus/model';
import type { ClientConfig, ClientStatus, SentResource } from './client-status.ts';
import type { NodeInfo, ResourceView } from './resource-provider.ts';
import type { Retirement } from './retirement.ts';
import type { StreamOptions } from './stream-options.ts';
import type { TypeStream } from './type-stream.ts';

/** Names and versions of all that the client has or is about to get. */
export function clientConfig(
  node: NodeInfo,
  streams: readonly TypeStream[],
  view: ResourceView,
  retirement: Retirement,
): ClientConfig {
  const types = streams.map(({ type, subscription }) => {
    const retiring = retirement.resources(type);
    const rejected = new Set(subscription.rejected);
    const resources = [...view.resources(type).values(), ...retiring.values()]
      .filter(({ name }) => subscription.wants(name))
      .map(({ name, version }) => ({
        name,
        version,
        pending: subscription.isPending(name),
        retiring: retiring.has(name),
        rejected: rejected.has(name),
      }));
    const unknown = { version: '', pending: false, retiring: true, rejected: false };
    const all = [...resources, ...[...subscription.leftovers].map((name) => ({ name, ...unknown }))];
    return { type, version: view.version(type), resources: all.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
  return { node: node.id, types };
}

/** Who it is, and how it is served. */
export function clientStatus(
  node: NodeInfo,
  { channel, profile, transport }: StreamOptions,
): Omit<ClientStatus, 'since' | 'foreignNonces' | 'types'> {
  return {
    node: node.id,
    cluster: node.cluster,
    userAgent: node.userAgent,
    address: channel.peer.address,
    identity: channel.peer.identity,
    transport: profile.name === 'mcp' ? 'mcp' : transport,
  };
}

/** gRPC has a stream for each target that it dials, all with one node. Where several have a name, the newest counts. */
export function joinedConfig(configs: readonly ClientConfig[]): ClientConfig | undefined {
  const [first, ...more] = configs;
  if (first === undefined || more.length === 0) return first;
  const types = new Map<TypeUrl, { version: string; readonly resources: Map<string, SentResource> }>();
  for (const { type, version, resources } of configs.flatMap((config) => config.types)) {
    const joined = types.get(type) ?? { version, resources: new Map<string, SentResource>() };
    joined.version = version === '' ? joined.version : version;
    for (const resource of resources) joined.resources.set(resource.name, resource);
    types.set(type, joined);
  }
  const list = [...types].map(([type, { version, resources }]) => ({
    type,
    version,
    resources: [...resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  }));
  return { node: first.node, types: list };
}
