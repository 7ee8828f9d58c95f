import { IsthmusError, steadyClock } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import type { Subscriber } from '@isthmus/registry';
import { connect } from './admin-wire.ts';
import type { Wire } from './admin-wire.ts';
import type { NacosConfig } from './config.ts';
import type { HttpAnswer } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';

const THREE = '/v3/admin/ns/service/subscribers';
const ONE = '/v1/ns/service/subscribers';
const PAGE = 500;
/** More than this need the registration: who they all are does not matter. */
const MOST = 5_000;
/** What bridges call themselves (connection.ts). */
const OURS = /^Isthmus-/;

/**
 * Who subscribes a service, of the whole cluster (`aggregation`). Clients that ask again and again without a UDP port, as old SDKs
 * do, subscribe nothing and are not in it. Asks each server of the config in turn.
 */
export async function nacosSubscribers(
  config: NacosConfig,
  key: ServiceKey,
  baseDir: string,
  signal: AbortSignal,
): Promise<readonly Subscriber[]> {
  let failed: unknown;
  for (const attempt of config.servers.keys()) {
    try {
      const wire = await connect(config, baseDir, steadyClock, attempt);
      try {
        return await ask(wire, key, signal);
      } finally {
        wire.http.close();
      }
    } catch (error) {
      failed = error;
    }
  }
  throw failed;
}

async function ask(wire: Wire, { namespace, group, name }: ServiceKey, signal: AbortSignal): Promise<readonly Subscriber[]> {
  const found: Subscriber[] = [];
  for (let page = 1; found.length < MOST; page += 1) {
    const place = { namespaceId: namespace, pageNo: String(page), pageSize: String(PAGE), aggregation: 'true' };
    const items = await pageOf(wire, { ...place, groupName: group, serviceName: name }, signal);
    found.push(...items.filter((item) => !OURS.test(textIn(item, 'agent'))).map(subscriberOf));
    if (items.length < PAGE) return found;
  }
  return found;
}

/** Nacos 1 and 2 have no admin API; on 3 it is for administrators, and the old one for who may read the namespace. */
async function pageOf(wire: Wire, query: Record<string, string>, signal: AbortSignal): Promise<readonly Json[]> {
  const three = await wire.send('GET', THREE, query, signal);
  if (three.status === 200) {
    const data = readJsonObject(three.body, `GET ${THREE}`)['data'];
    return itemsIn(isRecord(data) ? data['pageItems'] : undefined, THREE);
  }
  const one = await wire.send('GET', ONE, { ...query, serviceName: `${query['groupName']}@@${query['serviceName']}` }, signal);
  check(one.status === 200 || three.status !== 403 ? one : three);
  return itemsIn(readJsonObject(one.body, `GET ${ONE}`)['subscribers'], ONE);
}

function itemsIn(list: unknown, path: string): readonly Json[] {
  if (!Array.isArray(list)) throw new IsthmusError('registry.protocol', `the answer to GET ${path} has no list of subscribers`);
  return (list as readonly unknown[]).filter(isRecord);
}

function subscriberOf(item: Json): Subscriber {
  return { address: textIn(item, 'ip') || textIn(item, 'addrStr').replace(/:\d+$/, ''), client: textIn(item, 'agent') };
}

function textIn(item: Json, name: string): string {
  const value = item[name];
  return typeof value === 'string' ? value.slice(0, 200) : '';
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function check({ status, body }: HttpAnswer): void {
  if (status === 200) return;
  const said = body.subarray(0, 300).toString('utf8').trim();
  throw new IsthmusError(
    status === 401 || status === 403 ? 'registry.auth' : 'registry.protocol',
    `Nacos answers HTTP ${status} ${said}`,
  );
}
