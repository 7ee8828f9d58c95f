import type { ClientConfig, ClientStatus } from './client-status.ts';
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
