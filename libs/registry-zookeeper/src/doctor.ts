import { connect } from 'node:net';
import { IsthmusError, deadlineSignal, messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import type { Finding, SourceDeps } from '@isthmus/registry';
import { serverAddress } from './config.ts';
import type { ServerAddress, ZookeeperConfig } from './config.ts';
import { digestOf, tlsOf } from './source.ts';
import { ZkConnection } from './wire/connection.ts';
import { isRefusal, ZK_ERROR } from './wire/protocol.ts';

/** Everything together must end within 10 s. */
const DEADLINE = 8_000;
const STEP = 3_000;
/** How far we look for the root that somebody meant. */
const MOST_ROOTS = 50;
const MOST_NAMES = 20;
/** Below `/dubbo`, but no interfaces. */
const RESERVED = ['config', 'mapping', 'metadata'];

/** Reachability, version, mode, login, and what each root lets us read. Never throws. */
export async function examineZookeeper(
  _id: SourceId,
  config: ZookeeperConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const limited = deadlineSignal(DEADLINE, signal);
  for (const name of config.servers) {
    try {
      await examineServer(name, config, deps, limited, findings);
    } catch (thrown) {
      findings.push(failure(`ZooKeeper at ${name}`, thrown));
    }
  }
  return findings;
}

async function examineServer(
  name: string,
  config: ZookeeperConfig,
  deps: SourceDeps,
  signal: AbortSignal,
  findings: Finding[],
): Promise<void> {
  const server = serverAddress(name);
  const tls = await tlsOf(config, deps.baseDir);
  const status = tls === undefined ? await askStatus(server, signal) : '';
  const version = /Zookeeper version: ([^\s,-]+)/.exec(status)?.[1] ?? '(version unknown)';
  const mode = /Mode: (\S+)/.exec(status)?.[1];
  if (mode === 'read-only') {
    findings.push({
      level: 'error',
      what: `ZooKeeper ${version} at ${name} is in read-only mode: it is cut off from the majority of its ensemble`,
      remedy:
        'mend the network between the members, or start those that are missing; what it knows may be old, so it is not read',
    });
    return;
  }
  const connection = await ZkConnection.open(
    { ...server, tls, sessionTimeout: STEP, digest: await digestOf(config, deps.baseDir), onWatch: () => undefined },
    signal,
  );
  try {
    findings.push({
      level: 'ok',
      what: `ZooKeeper ${version} at ${name} accepts sessions${mode === undefined ? '' : ` (${mode})`}`,
    });
    await examineRoot(connection, config.root, findings);
    if (config.applicationRoot !== false) await examineApplications(connection, config.applicationRoot, findings);
  } finally {
    connection.close();
  }
}

async function examineRoot(connection: ZkConnection, root: string, findings: Finding[]): Promise<void> {
  const names = await childrenOf(connection, root, findings);
  if (names === 'refused') return;
  const interfaces = (names ?? []).filter((name) => !RESERVED.includes(name));
  if (interfaces.length > 0) {
    findings.push({ level: 'ok', what: `${interfaces.length} interfaces below ${root}` });
    const refused = await firstRefused(connection, root, interfaces);
    if (refused !== undefined) findings.push(failure(`${root} can be listed, but`, refused));
    return;
  }
  const others = await rootsWithProviders(connection, root);
  const applicationsOnly = names?.includes('mapping') === true;
  const state =
    names === undefined ? 'is not there' : applicationsOnly ? 'has no interfaces, only the mapping of Dubbo 3' : 'is empty';
  findings.push({
    level: applicationsOnly && others.length === 0 ? 'ok' : 'warning',
    what: `${root} ${state}${others.length === 0 ? '' : `; ${others.join(', ')} ${others.length === 1 ? 'has' : 'have'} providers`}`,
    ...(applicationsOnly && others.length === 0
      ? {}
      : {
          remedy:
            others.length === 0
              ? 'check root (the `group` of Dubbo’s registry address), and that providers register here'
              : `set root: ${others[0]}`,
        }),
  });
}

async function examineApplications(connection: ZkConnection, root: string, findings: Finding[]): Promise<void> {
  const names = await childrenOf(connection, root, findings);
  if (names === 'refused') return;
  findings.push({
    level: 'ok',
    what:
      names === undefined
        ? `${root} is not there: nothing registers applications yet`
        : `${names.length} applications below ${root}`,
  });
}

/** Undefined: there is no such node. */
async function childrenOf(
  connection: ZkConnection,
  path: string,
  findings: Finding[],
): Promise<readonly string[] | undefined | 'refused'> {
  try {
    return (await connection.children(path, false)).names;
  } catch (thrown) {
    if (isRefusal(thrown, ZK_ERROR.noNode)) return undefined;
    findings.push(failure('no right to read', thrown));
    return 'refused';
  }
}

/** A node may be readable and those below it not: ZooKeeper's ACLs are not inherited. */
async function firstRefused(connection: ZkConnection, root: string, interfaces: readonly string[]): Promise<unknown> {
  for (const name of interfaces.slice(0, MOST_NAMES)) {
    try {
      await connection.children(`${root}/${name}/providers`, false);
    } catch (thrown) {
      if (isRefusal(thrown, ZK_ERROR.noAuth)) return thrown;
    }
  }
  return undefined;
}

async function rootsWithProviders(connection: ZkConnection, except: string): Promise<readonly string[]> {
  const found: string[] = [];
  const roots = (await namesBelow(connection, '/')).filter((name) => name !== 'zookeeper' && `/${name}` !== except);
  for (const root of roots.toSorted().slice(0, MOST_ROOTS)) {
    const names = (await namesBelow(connection, `/${root}`)).filter((name) => !RESERVED.includes(name));
    for (const name of names.slice(0, MOST_NAMES)) {
      if (!(await connection.exists(`/${root}/${name}/providers`, false))) continue;
      found.push(`/${root}`);
      break;
    }
  }
  return found;
}

async function namesBelow(connection: ZkConnection, path: string): Promise<readonly string[]> {
  try {
    return (await connection.children(path, false)).names;
  } catch (thrown) {
    if (IsthmusError.is(thrown) && 'zkCode' in thrown) return []; // not ours to read
    throw thrown;
  }
}

/** The four-letter word `srvr`, the only one that is answered by default; empty when it is not. */
function askStatus({ host, port }: ServerAddress, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: deadlineSignal(STEP, signal) });
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.length > 16_384) socket.destroy();
    });
    socket.once('error', () => resolve(''));
    socket.once('close', () => resolve(answer));
    socket.end('srvr');
  });
}

function failure(where: string, thrown: unknown): Finding {
  return {
    level: 'error',
    what: `${where}: ${IsthmusError.is(thrown) ? thrown.message : messageOf(thrown)}`,
    remedy: (IsthmusError.is(thrown) ? thrown.remedy : undefined) ?? 'check that the server runs and that the address is right',
  };
}
