import type { SinkSession, SinkWire, SinkWireDeps } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import { HttpClient } from './http.ts';
import { NacosLogin } from './login.ts';
import { serverAddress } from './server-address.ts';
import { NacosSinkSession } from './sink-session.ts';
import { defaultTiming } from './timing.ts';
import { renewedTls } from './tls.ts';

/** Publishes into one Nacos cluster, of any version. */
export function nacosSink(config: NacosConfig, deps: SinkWireDeps, deadlineMs = defaultTiming.requestDeadline): SinkWire {
  const { servers, grpcPortOffset, auth, namespaces } = config;
  return {
    async connect(attempt, signal): Promise<SinkSession> {
      const server = serverAddress(servers[attempt % servers.length] as string, grpcPortOffset);
      const http = new HttpClient(defaultTiming.mostMessageBytes, renewedTls(config, deps.baseDir));
      try {
        const login = new NacosLogin(auth, deps.baseDir, http, deps.clock, deadlineMs);
        return await NacosSinkSession.open({ http, login, server, namespace: namespaces[0] ?? 'public', deadlineMs }, signal);
      } catch (thrown) {
        http.close();
        throw thrown;
      }
    },
  };
}
