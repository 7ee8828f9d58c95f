import type { SourceId } from '@isthmus/model';
import { IsthmusError, deadlineSignal, messageOf, systemClock } from '@isthmus/model';
import { clockSkew } from '@isthmus/registry';
import type { Finding, SourceDeps } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import { NacosConnection } from './connection.ts';
import { NacosRefusal, REFUSED } from './errors.ts';
import { DEFAULT_GROUP, findGroups } from './group-finder.ts';
import { grpcReads } from './grpc-reads.ts';
import { HttpClient } from './http.ts';
import { readJsonObject } from './json-body.ts';
import { NacosLogin } from './login.ts';
import { serverAddress } from './server-address.ts';
import type { ServerAddress } from './server-address.ts';
import { defaultTiming } from './timing.ts';
import { TLS_REMEDY, grpcChannel, isTlsFailure, readTls } from './tls.ts';
import type { Tls } from './tls.ts';

/** Everything together must end within 10 s. */
const DEADLINE = 8_000;
const STEP = 2_500;

/** Reachability, version, login, and what each namespace and group lets us read. Never throws. */
export async function examineNacos(
  id: SourceId,
  config: NacosConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const limited = deadlineSignal(DEADLINE, signal);
  let tls: Tls | undefined;
  try {
    tls = await readTls(config, deps.baseDir);
  } catch (thrown) {
    const remedy = 'check tls.caFile, tls.certFile and tls.keyFile of this registry';
    return [{ level: 'error', what: `the TLS files are not usable: ${messageOf(thrown)}`, remedy }];
  }
  const http = new HttpClient(defaultTiming.mostMessageBytes, () => Promise.resolve(tls));
  try {
    for (const url of config.servers) {
      const server = serverAddress(url, config.grpcPortOffset, config.grpcTls);
      try {
        await examineServer({ id, config, deps, http, tls, server, signal: limited }, findings);
        findings.push(...(await clockSkew(server.http, () => deps.clock.now(), limited)));
      } catch (thrown) {
        findings.push(failure(`Nacos at ${server.http}`, thrown));
      }
    }
  } finally {
    http.close();
  }
  return findings;
}

interface Examination {
  readonly id: SourceId;
  readonly config: NacosConfig;
  readonly deps: SourceDeps;
  readonly http: HttpClient;
  readonly tls: Tls | undefined;
  readonly server: ServerAddress;
  readonly signal: AbortSignal;
}

async function examineServer(on: Examination, findings: Finding[]): Promise<void> {
  const { config, server, http, tls, signal } = on;
  const version = await versionOf(on);
  const login = new NacosLogin(config.auth, on.deps.baseDir, http, systemClock, STEP);
  await login.ensure(server, signal);
  if (config.auth !== undefined)
    findings.push({ level: 'ok', what: `login as "${config.auth.username}" at ${server.http} works` });
  if (config.api === 'http') {
    findings.push(await examineV1(on, version, login));
    return;
  }
  const timing = { ...defaultTiming, requestDeadline: STEP };
  for (const namespace of config.namespaces) {
    const connection = await NacosConnection.open(
      {
        ...grpcChannel(server, tls),
        address: server.grpc,
        token: () => login.current(server),
        namespace,
        timing,
        onPush: () => undefined,
      },
      signal,
    ).catch((thrown: unknown) => {
      findings.push(grpcFailure(server, version, config, thrown));
      return undefined;
    });
    if (connection === undefined) return;
    try {
      const generation = connection.hasFuzzyWatch ? '3' : '2';
      findings.push({ level: 'ok', what: `Nacos ${version ?? generation} at ${server.grpc} accepts gRPC connections` });
      await examineNamespace(on, connection, login, namespace, findings);
    } finally {
      connection.close();
    }
  }
}

async function examineNamespace(
  { config, server, http, signal }: Examination,
  connection: NacosConnection,
  login: NacosLogin,
  namespace: string,
  findings: Finding[],
): Promise<void> {
  const all = config.groups.includes('*');
  const search = { http, server, token: login.current(server), namespace, deadlineMs: STEP };
  const found = all ? await findGroups(search, signal).catch(() => undefined) : undefined;
  if (all && found === undefined) findings.push(unlistableGroups(namespace, connection.hasFuzzyWatch));
  for (const group of all ? new Set([DEFAULT_GROUP, ...(found ?? [])]) : config.groups) {
    const where = `${namespace}/${group}`;
    try {
      const names = await grpcReads((type, body) => connection.request(type, body), namespace, group).list();
      const empty = names.length === 0 && !all;
      findings.push({
        level: empty ? 'warning' : 'ok',
        what: `${names.length} services in ${where}`,
        ...(empty ? { remedy: 'check the namespace id (not its name) and the group, which are case-sensitive' } : {}),
      });
    } catch (thrown) {
      findings.push(failure(where, thrown));
    }
  }
}

/** npm `nacos`, and `api: http` with it, live on the v1 API, which Nacos 3 answers only while its compatibility switch is on. */
async function examineV1(
  { config, server, http, signal }: Examination,
  version: string | undefined,
  login: NacosLogin,
): Promise<Finding> {
  const name = `Nacos ${version ?? '(version unknown)'} at ${server.http}`;
  const query = new URLSearchParams({ pageNo: '1', pageSize: '1', namespaceId: config.namespaces[0] ?? 'public' });
  const token = login.current(server);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url = `${server.http}/v1/ns/service/list?${query}`;
  const { status } = await http.send({ method: 'GET', url, headers, deadlineMs: STEP }, signal);
  if (status === 200) return { level: 'ok', what: `${name} answers; read over HTTP as configured` };
  if (status === 404 || status === 410) {
    return {
      level: 'error',
      what: `${name} has its v1 API switched off (HTTP ${status}), and api: http reads nothing else`,
      remedy: 'use api: auto, which speaks gRPC, or set nacos.core.api.compatibility.client.enabled=true at the server',
    };
  }
  const remedy = status === 403 ? 'allow the account to read the namespace' : 'look at the log of Nacos for that request';
  return { level: 'error', what: `${name} refuses to list services over its v1 API (HTTP ${status})`, remedy };
}

async function versionOf({ http, server, signal }: Examination): Promise<string | undefined> {
  for (const path of ['/v3/admin/core/state', '/v1/console/server/state']) {
    try {
      const answer = await http.send({ method: 'GET', url: `${server.http}${path}`, deadlineMs: STEP }, signal);
      if (answer.status !== 200) continue;
      const json = readJsonObject(answer.body, path);
      const data = (json['data'] ?? json) as Record<string, unknown>;
      if (typeof data['version'] === 'string') return data['version'];
    } catch (thrown) {
      if (!IsthmusError.is(thrown) || thrown.code !== 'registry.protocol') throw thrown;
    }
  }
  return undefined;
}

function grpcFailure(server: ServerAddress, version: string | undefined, config: NacosConfig, thrown: unknown): Finding {
  if (isTlsFailure(messageOf(thrown)))
    return { level: 'error', what: `gRPC at ${server.grpc}: ${messageOf(thrown)}`, remedy: TLS_REMEDY };
  const old = config.api === 'auto';
  return {
    level: old ? 'warning' : 'error',
    what: `Nacos ${version ?? ''} at ${server.http} answers over HTTP, but not over gRPC at ${server.grpc}: ${messageOf(thrown)}`,
    remedy: old
      ? 'right for Nacos 1, which is read over HTTP then (changes are seen within listInterval); else open that port, or set grpcPortOffset'
      : 'open that port to the bridge, set grpcPortOffset, or use api: http for Nacos 1',
  };
}

function unlistableGroups(namespace: string, fuzzy: boolean): Finding {
  return {
    level: 'warning',
    what: `the groups of namespace ${namespace} cannot be listed over HTTP${fuzzy ? '; fuzzy watch finds them for up to 500 services' : ''}`,
    remedy: fuzzy
      ? 'name the groups in the config, or give the user administrator rights'
      : 'name the groups in the config: only DEFAULT_GROUP is read now',
  };
}

function failure(where: string, thrown: unknown): Finding {
  const denied = thrown instanceof NacosRefusal && thrown.nacosCode === REFUSED.forbidden;
  const remedy = IsthmusError.is(thrown) ? thrown.remedy : undefined;
  return {
    level: 'error',
    what: `${where}: ${IsthmusError.is(thrown) ? thrown.message : messageOf(thrown)}`,
    remedy: denied
      ? 'give the user a role with permission r on the namespace (Nacos 2: ":*:*" for public, Nacos 3: "public:*:*")'
      : (remedy ?? 'check that the server runs and that the address is right'),
  };
}
