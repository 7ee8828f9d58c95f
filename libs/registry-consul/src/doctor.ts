import { IsthmusError, deadlineSignal, messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import { clockSkew, serviceFilter } from '@isthmus/registry';
import type { Finding, SourceDeps } from '@isthmus/registry';
import { parseJson } from './answer.ts';
import type { ConsulClient } from './client.ts';
import type { ConsulConfig } from './config.ts';
import { connectTo } from './connect.ts';
import { agentInfo, knownDatacenters, ownDatacenter } from './datacenters.ts';
import { ConsulFailure } from './failure.ts';
import { serviceNames } from './normalize.ts';
import { RESERVED_CONNECTIONS } from './session.ts';

const READ_RIGHTS =
  'give the token the policy in docs/registries/consul.md: service_prefix "" and node_prefix "" with policy = "read"';
const LONGEST_MS = 9_000;

/** `isthmus doctor` for one Consul: each server, then each datacenter. Never throws; ends within 10 s. */
export async function doctorConsul(
  _id: SourceId,
  config: ConsulConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const limit = deadlineSignal(LONGEST_MS, signal);
  const quick = { ...config, requestTimeout: Math.min(config.requestTimeout, 3_000) };
  const all = await Promise.all(config.servers.map((_, at) => examineServer(quick, deps, at, limit)));
  return all.flat();
}

async function examineServer(
  config: ConsulConfig,
  deps: SourceDeps,
  at: number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let client: ConsulClient | undefined;
  const stop = () => void client?.close();
  signal.addEventListener('abort', stop);
  try {
    client = await connectTo(config, deps, at, RESERVED_CONNECTIONS, signal);
    findings.push(await version(client), ...(await clockSkew(client.server, () => deps.clock.now(), signal)));
    const known = await knownDatacenters(client);
    const wanted = config.datacenters.length > 0 ? config.datacenters : [await ownDatacenter(client)];
    for (const name of wanted) {
      if (known.includes(name)) findings.push(...(await examineDatacenter(config, client, name, wanted.length)));
      else findings.push(missing(client, name, known));
    }
  } catch (thrown) {
    findings.push(failed(config.servers[at] as string, thrown));
  } finally {
    signal.removeEventListener('abort', stop);
    await client?.close();
  }
  return findings;
}

async function version(client: ConsulClient): Promise<Finding> {
  try {
    const { version, datacenter } = await agentInfo(client);
    return { level: 'ok', what: `Consul ${version} in ${datacenter} answers at ${client.server}` };
  } catch (thrown) {
    if (!(thrown instanceof ConsulFailure) || thrown.kind !== 'auth') throw thrown;
    return {
      level: 'ok',
      what: `Consul answers at ${client.server} (its version needs agent:read, which is not needed otherwise)`,
    };
  }
}

async function examineDatacenter(
  config: ConsulConfig,
  client: ConsulClient,
  dc: string,
  count: number,
): Promise<readonly Finding[]> {
  try {
    const answer = await client.services({ dc });
    const all = serviceNames(parseJson(answer.body, answer.contentType));
    const names = all.filter(serviceFilter(config.services)).filter((name) => name !== 'consul');
    const findings: Finding[] = [...rights(config, dc, all.length, answer)];
    if (findings.length === 0) findings.push({ level: 'ok', what: `${names.length} services to read in datacenter ${dc}` });
    const [sample] = names;
    if (sample !== undefined && (await client.health(sample, { dc })).filtered) {
      findings.push({
        level: 'warning',
        what: `the token may not see all instances of ${sample} in ${dc} (node:read)`,
        remedy: READ_RIGHTS,
      });
    }
    return [...findings, ...limits(config, dc, names.length, count)];
  } catch (thrown) {
    return [failed(`${client.server}, datacenter ${dc}`, thrown)];
  }
}

function rights(
  config: ConsulConfig,
  dc: string,
  listed: number,
  answer: { readonly filtered: boolean; readonly denyByDefault: boolean },
): readonly Finding[] {
  if (listed === 0 && answer.denyByDefault && config.auth === undefined) {
    return [
      {
        level: 'error',
        what: `datacenter ${dc} lists nothing to a caller without a token: its default ACL policy is deny`,
        remedy: `set auth.tokenFile or auth.tokenEnv; ${READ_RIGHTS}`,
      },
    ];
  }
  if (!answer.filtered) return [];
  const what = `Consul leaves services of ${dc} out because the token may not see them: the scope stays partial`;
  return [{ level: 'warning', what, remedy: READ_RIGHTS }];
}

/** A blocking query for each service, or not (docs/adr/0010-consul-watching.md). */
function limits(config: ConsulConfig, dc: string, services: number, datacenters: number): readonly Finding[] {
  const plain = config.servers.some((server) => server.startsWith('http:'));
  const slots = Math.floor(config.maxConnections / datacenters) - RESERVED_CONNECTIONS;
  if (!plain || services <= slots) return [];
  return [
    {
      level: 'warning',
      what: `${services} services in ${dc}, but ${config.maxConnections} connections over http let only ${slots} of them be watched one by one; changes of the others are found later`,
      remedy:
        `use the agent's https port (HTTP/2 shares connections), or set limits.http_max_conns_per_client in Consul above ${services + 50} ` +
        `and maxConnections here to ${services + RESERVED_CONNECTIONS + 20}`,
    },
  ];
}

function missing(client: ConsulClient, name: string, known: readonly string[]): Finding {
  return {
    level: 'error',
    what: `${client.server} knows no datacenter ${name}`,
    remedy: `use one of ${known.join(', ')}, or join ${name} over WAN`,
  };
}

function failed(where: string, thrown: unknown): Finding {
  if (IsthmusError.is(thrown)) return { level: 'error', what: thrown.message, remedy: thrown.remedy ?? 'see the message' };
  const kind = thrown instanceof ConsulFailure ? thrown.kind : 'unreachable';
  const remedies: Record<ConsulFailure['kind'], string> = {
    unreachable: 'check servers: and that the agent listens there (client_addr), the firewall, and tls: for an https port',
    timeout: 'check that the agent is healthy (consul members), and the network between',
    leader: 'check the servers of that datacenter: consul operator raft list-peers',
    auth: `check that the token exists (consul acl token read -self); ${READ_RIGHTS}`,
    busy: 'raise limits.http_max_conns_per_client in the agent, or lower maxConnections here',
    protocol: 'check that this is a Consul agent of version 1.10 or later',
    answer: 'check that this is a Consul agent, and what a proxy in front of it answers',
  };
  return { level: 'error', what: `${where}: ${messageOf(thrown)}`, remedy: remedies[kind] };
}
