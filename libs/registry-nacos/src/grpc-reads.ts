import { IsthmusError } from '@isthmus/model';
import type { Json } from './json-body.ts';
import type { GroupReads } from './group-reader.ts';
import { serviceInfoOf } from './normalize.ts';
import type { ServiceInfo } from './normalize.ts';

/** Sends one request on the session's connection, logged in where that is needed. */
export type Ask = (type: string, body: Json) => Promise<Json>;

/** 10,000 names have about 200 kB; one page is one consistent read. */
const PAGE_SIZE = 10_000;
/** 500,000 services in one group are no registry any more. */
const MOST_PAGES = 50;

/** The bare names of all services of exactly that group, those without instances included (for 1 to 2 minutes). */
async function listServices(ask: Ask, namespace: string, groupName: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (let pageNo = 1; pageNo <= MOST_PAGES; pageNo += 1) {
    const answer = await ask('ServiceListRequest', { namespace, groupName, serviceName: '', pageNo, pageSize: PAGE_SIZE });
    const page = answer['serviceNames'];
    if (!Array.isArray(page)) throw unexpected('ServiceListRequest', 'serviceNames');
    for (const name of page) if (typeof name === 'string') names.add(bareName(name));
    if (page.length < PAGE_SIZE) return [...names];
  }
  throw new IsthmusError('registry.too-large', `group ${groupName} has more than ${MOST_PAGES * PAGE_SIZE} services`, {
    remedy: 'narrow groups in the config',
  });
}

/** A subscription is one per service and connection: `clusters: ''` means all of them. */
export function grpcReads(ask: Ask, namespace: string, groupName: string): GroupReads {
  return {
    list: () => listServices(ask, namespace, groupName),
    subscribe: async (serviceName) => {
      const body = { namespace, groupName, serviceName, subscribe: true, clusters: '' };
      return infoOf('SubscribeServiceRequest', await ask('SubscribeServiceRequest', body));
    },
    unsubscribe: async (serviceName) => {
      await ask('SubscribeServiceRequest', { namespace, groupName, serviceName, subscribe: false, clusters: '' });
    },
    query: async (serviceName, healthyOnly = false) => {
      const body = { namespace, groupName, serviceName, cluster: '', healthyOnly, udpPort: 0 };
      return infoOf('ServiceQueryRequest', await ask('ServiceQueryRequest', body));
    },
  };
}

/** `GROUP@@name` where an API writes it so. */
export function bareName(name: string): string {
  const at = name.indexOf('@@');
  return at < 0 ? name : name.slice(at + 2);
}

function infoOf(type: string, answer: Json): ServiceInfo {
  const info = serviceInfoOf(answer['serviceInfo']);
  if (info === undefined) throw unexpected(type, 'serviceInfo');
  return info;
}

function unexpected(type: string, field: string): IsthmusError {
  return new IsthmusError('registry.protocol', `the answer to ${type} has no ${field}`, {
    meaning: 'nothing is taken from it and nothing is deleted because of it',
    remedy: 'check that the address is a Nacos server of version 2 or 3',
  });
}
