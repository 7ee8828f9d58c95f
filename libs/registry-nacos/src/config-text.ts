import { IsthmusError, steadyClock } from '@isthmus/model';
import type { ConfigPlace, ConfigText } from '@isthmus/registry';
import { connect } from './admin-wire.ts';
import type { Wire } from './admin-wire.ts';
import { openConfigs, shut } from './config-connection.ts';
import { tenantOf } from './config-listen.ts';
import { NOT_FOUND } from './config-wire.ts';
import type { NacosConfig } from './config.ts';
import { NacosRefusal } from './errors.ts';
import type { HttpAnswer } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';
import { whenFree } from './when-free.ts';

const ONE = '/v1/cs/configs';
const THREE = '/v3/client/cs/config';
/** `code` by the third API of a config that is not there, with HTTP 200. */
const NO_RESOURCE = 20_004;
const ABSENT_SERVER: ReadonlySet<string> = new Set(['registry.unreachable', 'registry.timeout']);

interface Asked {
  readonly dataIds: readonly string[];
  readonly group: string;
  readonly namespace: string;
  readonly baseDir: string;
  readonly attempt: number;
}

type Read = (config: NacosConfig, asked: Asked, signal: AbortSignal) => Promise<readonly (string | undefined)[]>;

const READS: Readonly<Record<NacosConfig['api'], readonly Read[]>> = {
  auto: [overGrpc, overHttp],
  grpc: [overGrpc],
  http: [overHttp],
};

/**
 * Configs as they are now, once, by the account of the registry. Asks each server of the config in turn.
 *
 * @throws IsthmusError `registry.auth` when Nacos refuses account or rights, `registry.unreachable` when no server answers, or
 * what it said of the request.
 */
export async function nacosConfigTexts(
  config: NacosConfig,
  { dataIds, group, namespace = config.namespaces[0] ?? 'public' }: ConfigPlace,
  baseDir: string,
  signal: AbortSignal,
): Promise<readonly ConfigText[]> {
  let failed = '';
  for (const attempt of config.servers.keys()) {
    for (const read of READS[config.api]) {
      try {
        const texts = await read(config, { dataIds, group, namespace, baseDir, attempt }, signal);
        return dataIds.map((dataId, at) => ({ dataId, group, namespace, ...contentOf(texts[at]) }));
      } catch (thrown) {
        if (!IsthmusError.is(thrown) || !ABSENT_SERVER.has(thrown.code)) throw thrown;
        failed = thrown.message;
      }
    }
  }
  throw new IsthmusError('registry.unreachable', `no configs came from ${config.servers.join(', ')}: ${failed}`, {
    meaning: 'none of them answered',
    remedy: 'check servers, and that Nacos runs there with its gRPC port (grpcPortOffset, api); isthmus doctor looks at each',
  });
}

async function overGrpc(
  config: NacosConfig,
  { dataIds, group, namespace, baseDir, attempt }: Asked,
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  const open = await openConfigs(config, { baseDir, namespace, attempt }, signal);
  const query = async (dataId: string): Promise<string | undefined> => {
    const body = { module: 'config', dataId, group, tenant: tenantOf(namespace) };
    try {
      const { content } = await whenFree(() => open.connection.request('ConfigQueryRequest', body), signal);
      return typeof content === 'string' ? content : undefined;
    } catch (thrown) {
      if (thrown instanceof NacosRefusal && thrown.nacosCode === NOT_FOUND) return undefined;
      throw thrown;
    }
  };
  try {
    return await Promise.all(dataIds.map(query));
  } finally {
    shut(open);
  }
}

async function overHttp(
  config: NacosConfig,
  { dataIds, group, namespace, baseDir, attempt }: Asked,
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  const wire = await connect(config, baseDir, steadyClock, attempt);
  try {
    return await Promise.all(dataIds.map((dataId) => queryHttp(wire, { dataId, group, namespace }, signal)));
  } finally {
    wire.http.close();
  }
}

/** Nacos 1 and 2 have the first API; 3 has its own, and the first where that was not switched off. */
async function queryHttp(
  wire: Wire,
  { dataId, group, namespace }: { readonly dataId: string; readonly group: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const one = await wire.send('GET', ONE, { dataId, group, tenant: tenantOf(namespace) }, signal);
  if (one.status === 200) return one.body.toString('utf8');
  // Any other 404 is of something that has no such path.
  if (one.status === 404 && one.body.includes('config data not exist')) return undefined;
  const three = await wire.send('GET', THREE, { dataId, groupName: group, namespaceId: namespace }, signal);
  if (three.status !== 200) throw refused(one.status === 403 ? one : three);
  const { code, data } = readJsonObject(three.body, `GET ${THREE}`);
  if (code === NO_RESOURCE) return undefined;
  const content = typeof data === 'object' ? (data as Json | null)?.['content'] : data;
  if (code !== 0 || typeof content !== 'string') throw refused(three);
  return content;
}

function refused({ status, body }: HttpAnswer): IsthmusError {
  const said = `Nacos answers HTTP ${status} ${body.subarray(0, 300).toString('utf8').trim()}`;
  if (status !== 401 && status !== 403) return new IsthmusError('registry.protocol', said);
  return new IsthmusError('registry.auth', said, {
    meaning: 'the user, its password or its permission is not enough',
    remedy: 'check auth in the config and give the user read permission on the namespace (docs/registries/nacos.md, Rights)',
  });
}

function contentOf(text: string | undefined): { readonly content?: string } {
  return text === undefined ? {} : { content: text };
}
