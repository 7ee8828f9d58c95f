import { parseJson } from './answer.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure } from './failure.ts';

/** Names of the datacenters that the agent knows. Needs no rights. @throws ConsulFailure */
export async function knownDatacenters(client: ConsulClient): Promise<readonly string[]> {
  const answer = await client.datacenters();
  const names = parseJson(answer.body, answer.contentType);
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new ConsulFailure('protocol', `${client.server} does not list its datacenters: is it a Consul agent?`);
  }
  return names;
}

export interface AgentInfo {
  readonly version: string;
  readonly datacenter: string;
}

/** What the agent says of itself; needs agent:read. @throws ConsulFailure */
export async function agentInfo(client: ConsulClient): Promise<AgentInfo> {
  const answer = await client.self();
  const self = parseJson(answer.body, answer.contentType) as { Config?: { Version?: unknown; Datacenter?: unknown } } | null;
  return { version: String(self?.Config?.Version ?? 'unknown'), datacenter: String(self?.Config?.Datacenter ?? '') };
}

/**
 * The agent's own datacenter: the only one that there is, or what the agent says (which needs agent:read).
 * @throws ConsulFailure, also when there are several and the agent may not tell
 */
export async function ownDatacenter(client: ConsulClient): Promise<string> {
  const names = await knownDatacenters(client);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  try {
    const { datacenter } = await agentInfo(client);
    if (datacenter !== '') return datacenter;
  } catch (thrown) {
    if (!(thrown instanceof ConsulFailure) || thrown.kind !== 'auth') throw thrown;
  }
  throw new ConsulFailure(
    'protocol',
    `${client.server} knows the datacenters ${names.join(', ')} and the token may not read which is the agent's own: name them under datacenters`,
  );
}
