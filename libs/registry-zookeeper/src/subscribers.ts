import { IsthmusError } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { parseDubboUrl } from '@isthmus/registry';
import type { Subscriber } from '@isthmus/registry';
import { serverAddress } from './config.ts';
import type { ZookeeperConfig } from './config.ts';
import { digestOf, tlsOf } from './source.ts';
import { ZkConnection } from './wire/connection.ts';
import { isRefusal, ZK_ERROR } from './wire/protocol.ts';

const SESSION_MS = 5_000;
/** More than this need the registration: who they all are does not matter. */
const MOST = 5_000;

/** An interface, with its version and group where the service has one of its own. */
interface Wanted {
  readonly interfaceName: string;
  readonly version?: string;
  readonly group?: string;
}

/**
 * Dubbo's consumers: nodes below `ROOT/INTERFACE/consumers`, as ephemeral as those of providers. A consumer by instance alone
 * (`FORCE_APPLICATION`) or with `register=false` writes none, so where no provider registers by interface, nobody is not told.
 * Asks each server of the config in turn. @returns undefined where ZooKeeper does not tell: an application, or nobody as above
 */
export async function zookeeperSubscribers(
  config: ZookeeperConfig,
  key: ServiceKey,
  baseDir: string,
  signal: AbortSignal,
): Promise<readonly Subscriber[] | undefined> {
  const wanted = wantedOf(key.name);
  if (wanted === undefined) return undefined;
  const [tls, digest] = await Promise.all([tlsOf(config, baseDir), digestOf(config, baseDir)]);
  let failed: unknown;
  for (const server of config.servers) {
    try {
      const options = { ...serverAddress(server), tls, digest, sessionTimeout: SESSION_MS, onWatch: () => undefined };
      const connection = await ZkConnection.open(options, signal);
      try {
        await connection.sync(); // this server may be behind the others
        return await ask(connection, config.root, wanted);
      } finally {
        connection.close();
      }
    } catch (error) {
      failed = error;
    }
  }
  throw failed;
}

async function ask(connection: ZkConnection, root: string, wanted: Wanted): Promise<readonly Subscriber[] | undefined> {
  const path = `${root}/${wanted.interfaceName}`;
  const consumers = await namesAt(connection, `${path}/consumers`);
  const found = consumers.slice(0, MOST).flatMap((text) => subscriberOf(text, wanted));
  if (found.length > 0) return found;
  return (await namesAt(connection, `${path}/providers`)).length > 0 ? found : undefined;
}

/** `providers:com.acme.Greeter:1.0.0:g1` or `mapping:com.acme.Greeter`; an application's consumers write nothing. */
function wantedOf(name: string): Wanted | undefined {
  const [kind, interfaceName = '', version, group] = name.split(':');
  if (interfaceName === '') return undefined;
  if (kind === 'mapping') return { interfaceName };
  if (kind !== 'providers' || version === undefined || group === undefined) return undefined;
  return { interfaceName, version, group };
}

/** One that cannot be read may be anybody's. */
function subscriberOf(text: string, { version, group }: Wanted): readonly Subscriber[] {
  const parsed = parseDubboUrl(text);
  if ('problem' in parsed) return [{ address: '', client: `unreadable consumer ${text.slice(0, 100)}` }];
  const { host, parameters } = parsed.url;
  if (!names(parameters['version'], version) || !names(parameters['group'], group)) return [];
  return [{ address: host.slice(0, 200), client: (parameters['application'] ?? '').slice(0, 200) }];
}

/** As Dubbo matches a consumer's `version` and `group`: `*` is any, several are separated by commas, 0.0.0 is none. */
function names(said: string | undefined, own: string | undefined): boolean {
  if (own === undefined || said === '*') return true;
  const plain = (text: string): string => (text === NO_VERSION ? '' : text);
  return (said ?? '').split(',').some((one) => one.trim() === '*' || plain(one.trim()) === plain(own));
}

const NO_VERSION = '0.0.0';

async function namesAt(connection: ZkConnection, path: string): Promise<readonly string[]> {
  try {
    return (await connection.children(path, false)).names;
  } catch (thrown) {
    if (isRefusal(thrown, ZK_ERROR.noNode)) return [];
    if (isRefusal(thrown, ZK_ERROR.noAuth)) throw new IsthmusError('registry.auth', `${path} may not be read`);
    throw thrown;
  }
}
