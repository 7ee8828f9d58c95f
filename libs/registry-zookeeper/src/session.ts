import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { IsthmusError } from '@isthmus/model';
import { serviceFilter } from '@isthmus/registry';
import type { ScopeView, SourceDeps } from '@isthmus/registry';
import { Applications } from './applications.ts';
import type { ServerAddress, ZookeeperConfig } from './config.ts';
import { InterfaceServices } from './interface-services.ts';
import { Interfaces } from './interfaces.ts';
import { Mappings } from './mappings.ts';
import { SessionSink } from './session-sink.ts';
import { ZkConnection } from './wire/connection.ts';
import { WatchedTree } from './watched-tree.ts';
import type { Children, NodeRead } from './watched-tree.ts';

/** What tells whether the next session sees the same tree, with nothing lost in between. */
export interface SessionTrace {
  /** `performance.now()` of the last sign of life. */
  readonly heardAt: number;
  readonly zxid: bigint;
  /** By root: the birth of the node, '' where there is none. */
  readonly births: ReadonlyMap<string, string>;
}

export interface SessionOptions {
  readonly config: ZookeeperConfig;
  readonly deps: SourceDeps;
  readonly view: ScopeView;
  readonly server: ServerAddress;
  readonly tls: TlsOptions | undefined;
  readonly digest: string | undefined;
  /** Of the last session that had read everything. */
  readonly before: SessionTrace | undefined;
}

export interface SessionEnd {
  readonly why: unknown;
  /** Undefined when not everything was read. */
  readonly trace: SessionTrace | undefined;
}

/** Reads and watches everything until the connection ends. Never throws. */
export async function runSession(options: SessionOptions, signal: AbortSignal): Promise<SessionEnd> {
  const { view, before } = options;
  const births = new Map<string, string>();
  let connection: ZkConnection;
  let complete = false;
  let broken: unknown;
  try {
    connection = await openConnection(options, (path) => tree?.changed(path), signal);
  } catch (why) {
    return { why, trace: undefined };
  }
  const sink = new SessionSink(view);
  let applications: Applications | undefined;
  const onIdle = () => {
    if (complete || applications?.isSettled() === false) return;
    const same = before !== undefined && continues(before, connection, births);
    sink.commit(same).then((taken) => (complete ||= taken), onBroken);
  };
  const onBroken = (thrown: unknown) => {
    broken ??= thrown;
    connection.close();
  };
  const tree: WatchedTree | undefined = new WatchedTree(connection, onIdle, onBroken);
  const abort = () => connection.close();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await connection.sync();
    applications = watchRoots(tree, sink, options, births, onBroken);
    const why = await connection.ended;
    return { why: broken ?? why, trace: complete ? traceOf(connection, births) : undefined };
  } catch (why) {
    return { why, trace: undefined };
  } finally {
    signal.removeEventListener('abort', abort);
    tree.close();
    connection.close();
  }
}

function openConnection(
  { config, deps, server, tls, digest }: SessionOptions,
  onWatch: (path: string) => void,
  signal: AbortSignal,
): Promise<ZkConnection> {
  const { sessionTimeout } = config;
  return ZkConnection.open({ ...server, tls, sessionTimeout, digest, onWatch, onMessage: deps.onMessage }, signal);
}

function watchRoots(
  tree: WatchedTree,
  sink: SessionSink,
  { config, view }: SessionOptions,
  births: Map<string, string>,
  onBroken: (thrown: unknown) => void,
): Applications | undefined {
  const { root, applicationRoot } = config;
  const wanted = serviceFilter(config.services);
  const services = new InterfaceServices(view.scope, sink);
  const interfaces = new Interfaces(tree, root, view.scope, wanted, sink, services);
  const watchRoot = (path: string, setNames: (names: readonly string[]) => void) =>
    tree.watchChildren(path, (read) => {
      // Rights that are missing are no empty registry: the whole scope is stale.
      if (read.kind === 'refused') return onBroken(deniedRoot(read.error));
      births.set(path, birthOf(read));
      setNames(read.kind === 'there' ? read.value.names : []);
    });
  watchRoot(root, (names) => interfaces.setNames(names));
  if (applicationRoot === false) return undefined;
  const mappings = new Mappings(tree, root, view.scope, wanted, sink, services);
  const applications = new Applications(tree, applicationRoot, view.scope, wanted, sink, (name, read) =>
    mappings.setApplication(name, read),
  );
  mappings.start();
  watchRoot(applicationRoot, (names) => applications.setNames(names));
  return applications;
}

/**
 * The same tree, and so short a break that no provider can have lost its session because ZooKeeper was away: what is absent now was
 * deregistered. After anything else it may only not be back yet.
 */
function continues(before: SessionTrace, connection: ZkConnection, births: ReadonlyMap<string, string>): boolean {
  if (connection.zxid < before.zxid) return false;
  if (connection.openedAt - before.heardAt > connection.sessionTimeout) return false;
  return [...before.births].every(([path, birth]) => births.get(path) === birth);
}

function traceOf(connection: ZkConnection, births: ReadonlyMap<string, string>): SessionTrace {
  return { heardAt: connection.heardAt, zxid: connection.zxid, births };
}

function birthOf(read: NodeRead<Children>): string {
  return read.kind === 'there' ? `${read.value.stat.czxid} ${read.value.stat.ctime}` : '';
}

function deniedRoot(error: IsthmusError): IsthmusError {
  return new IsthmusError(error.code, error.message, {
    meaning: 'nothing can be read',
    remedy: `${error.remedy ?? 'give the right to read it'}; applicationRoot: false, where applications are not to be read`,
  });
}
