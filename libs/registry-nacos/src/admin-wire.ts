import type { Clock } from '@isthmus/model';
import type { NacosConfig } from './config.ts';
import { HttpClient } from './http.ts';
import type { HttpAnswer } from './http.ts';
import { NacosLogin } from './login.ts';
import { serverAddress } from './server-address.ts';
import { defaultTiming } from './timing.ts';
import { renewedTls } from './tls.ts';

/** Nacos's HTTP API for one server, logged in. */
export interface Wire {
  readonly http: HttpClient;
  send(method: 'GET' | 'PUT', path: string, query: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer>;
}

/** @param attempt counts calls that failed: each asks another server */
export async function connect(config: NacosConfig, baseDir: string, clock: Clock, attempt: number): Promise<Wire> {
  const server = serverAddress(config.servers[attempt % config.servers.length] as string, config.grpcPortOffset);
  const http = new HttpClient(defaultTiming.mostMessageBytes, renewedTls(config, baseDir));
  const deadlineMs = defaultTiming.requestDeadline;
  const login = new NacosLogin(config.auth, baseDir, http, clock, deadlineMs);
  const once = (method: 'GET' | 'PUT', path: string, query: Record<string, string>, signal: AbortSignal) => {
    const token = login.current(server);
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return http.send({ method, url: `${server.http}${path}?${new URLSearchParams(query)}`, headers, deadlineMs }, signal);
  };
  return {
    http,
    async send(method, path, query, signal) {
      await login.ensure(server, signal);
      const answer = await once(method, path, query, signal);
      if (answer.status !== 401 && answer.status !== 403) return answer;
      await login.ensure(server, signal, true); // the token may have been revoked, or lost with a restart
      return once(method, path, query, signal);
    },
  };
}
