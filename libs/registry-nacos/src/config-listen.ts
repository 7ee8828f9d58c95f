import { createHash } from 'node:crypto';
import { NOT_FOUND } from './config-wire.ts';
import type { ConfigWire } from './config-wire.ts';
import { NacosRefusal } from './errors.ts';
import type { Json } from './json-body.ts';

/** A config's key, and which text of it is known: its MD5, '' for none. */
export interface KnownConfig {
  readonly dataId: string;
  readonly group: string;
  /** '' is the public namespace: in Nacos 2, and Nacos 3 takes it for that too. */
  readonly tenant: string;
  readonly md5: string;
}

/** Has the wire told of changes of them from now on. Gives the data ids whose text is another one already. */
export async function listenToConfigs(
  wire: ConfigWire,
  known: readonly KnownConfig[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const listen = { listen: true, configListenContexts: known };
  const { changedConfigs } = await wire.ask('ConfigBatchListenRequest', listen, signal);
  return Array.isArray(changedConfigs) ? (changedConfigs as Json[]).map(({ dataId }) => String(dataId)) : [];
}

/** The text of a config; undefined: there is none. */
export async function queryConfig(
  wire: ConfigWire,
  { dataId, group, tenant }: Omit<KnownConfig, 'md5'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { content } = await wire.ask('ConfigQueryRequest', { dataId, group, tenant }, signal);
    return typeof content === 'string' ? content : undefined;
  } catch (thrown) {
    if (thrown instanceof NacosRefusal && thrown.nacosCode === NOT_FOUND) return undefined;
    throw thrown;
  }
}

/** The public namespace is '' in Nacos 1 and 2, and Nacos 3 takes that for it too. */
export function tenantOf(namespace: string): string {
  return namespace === 'public' ? '' : namespace;
}

export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
