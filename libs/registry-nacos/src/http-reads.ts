import { IsthmusError } from '@isthmus/model';
import type { Json } from './json-body.ts';
import { NacosRefusal, refusal, REFUSED } from './errors.ts';
import { bareName } from './grpc-reads.ts';
import type { GroupReads } from './group-reader.ts';
import { readJsonObject } from './json-body.ts';
import type { NamespaceContext } from './namespace-context.ts';
import { serviceInfoOf } from './normalize.ts';
import type { ServiceInfo } from './normalize.ts';
import type { ServerAddress } from './server-address.ts';

const PAGE_SIZE = 10_000;
const MOST_PAGES = 50;

export type HttpGet = (path: string, query: Readonly<Record<string, string>>) => Promise<Json>;

/** So many requests in a row that time out are a server that hangs, not a slow service. */
const MOST_TIMEOUTS = 3;

/** GET on the v1 API, logged in where that is needed. A connection that was cut is tried once more: it may have been idle too long. */
export function httpGet(context: NamespaceContext, server: ServerAddress, signal: AbortSignal): HttpGet {
  let timeouts = 0;
  let loggedInAgainAt = Number.NEGATIVE_INFINITY;
  const send = async (path: string, query: Readonly<Record<string, string>>) => {
    const token = context.login.current(server);
    const url = `${server.http}${path}?${new URLSearchParams(query)}`;
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return await context.http.send({ method: 'GET', url, headers, deadlineMs: context.timing.requestDeadline }, signal);
  };
  /** A token may have been revoked, or lost with a restart: one new login, then the answer counts. */
  const sendLoggedIn = async (path: string, query: Readonly<Record<string, string>>) => {
    const { login, deps, timing, config } = context;
    const token = login.current(server);
    const answer = await send(path, query);
    if (config.auth === undefined || (answer.status !== 401 && answer.status !== 403)) return answer;
    if (login.current(server) === token) {
      const now = deps.clock.now();
      if (now - loggedInAgainAt < timing.requestDeadline) return answer;
      loggedInAgainAt = now;
      await login.ensure(server, signal, true);
    }
    return await send(path, query);
  };
  return async (path, query) => {
    const answer = await sendLoggedIn(path, query).catch((thrown: unknown) => {
      if (!IsthmusError.is(thrown) || signal.aborted) throw thrown;
      if (thrown.code === 'registry.unreachable') return send(path, query);
      if (thrown.code === 'registry.timeout' && ++timeouts >= MOST_TIMEOUTS) {
        throw new IsthmusError('registry.unreachable', thrown.message, { cause: thrown });
      }
      throw thrown;
    });
    timeouts = 0;
    context.deps.onMessage?.(performance.now());
    if (answer.status === 200) {
      const { large, namespace } = context;
      return large.takes(answer.body)
        ? await large.read(answer.body, `GET ${path}`, namespace)
        : readJsonObject(answer.body, `GET ${path}`);
    }
    const said = answer.body.subarray(0, 200).toString('utf8').trim();
    if (answer.status === 401 || answer.status === 403) throw refusal(`GET ${path}`, REFUSED.forbidden, said);
    throw new NacosRefusal('registry.protocol', answer.status, `Nacos refused GET ${path}: HTTP ${answer.status} ${said}`, {
      remedy: 'look at the log of Nacos for that request',
    });
  };
}

export interface HttpSubscriptions {
  subscribe(group: string, name: string): void;
  unsubscribe(group: string, name: string): void;
}

export function httpReads(get: HttpGet, namespace: string, group: string, hints: HttpSubscriptions | undefined): GroupReads {
  const query = async (name: string, healthyOnly = false): Promise<ServiceInfo> => {
    const answer = await get('/v1/ns/instance/list', {
      serviceName: `${group}@@${name}`,
      namespaceId: namespace,
      clusters: '',
      healthyOnly: String(healthyOnly),
    });
    const info = serviceInfoOf(answer);
    if (info === undefined) throw unexpected('/v1/ns/instance/list', 'hosts');
    return info;
  };
  return {
    query,
    list: async () => {
      const names = new Set<string>();
      for (let pageNo = 1; pageNo <= MOST_PAGES; pageNo += 1) {
        const answer = await get('/v1/ns/service/list', {
          namespaceId: namespace,
          groupName: group,
          pageNo: String(pageNo),
          pageSize: String(PAGE_SIZE),
        });
        const page = answer['doms'];
        if (!Array.isArray(page)) throw unexpected('/v1/ns/service/list', 'doms');
        for (const name of page) if (typeof name === 'string') names.add(bareName(name));
        if (page.length < PAGE_SIZE) return [...names];
      }
      throw new IsthmusError('registry.too-large', `group ${group} has more than ${MOST_PAGES * PAGE_SIZE} services`, {
        remedy: 'narrow groups in the config',
      });
    },
    subscribe: async (name) => {
      const info = await query(name);
      hints?.subscribe(group, name);
      return info;
    },
    unsubscribe: async (name) => hints?.unsubscribe(group, name),
  };
}

function unexpected(path: string, field: string): IsthmusError {
  return new IsthmusError('registry.protocol', `the answer to GET ${path} has no ${field}`, {
    meaning: 'nothing is taken from it and nothing is deleted because of it',
    remedy: 'check that the address is a Nacos server and the context path is right',
  });
}
