import { steadyClock } from '@isthmus/model';
import type { NacosConfig } from './config.ts';
import { NacosConnection } from './connection.ts';
import { HttpClient } from './http.ts';
import type { Json } from './json-body.ts';
import { NacosLogin } from './login.ts';
import { serverAddress } from './server-address.ts';
import type { ServerAddress } from './server-address.ts';
import { defaultTiming } from './timing.ts';
import { grpcChannel, renewedTls } from './tls.ts';
import type { TlsNow } from './tls.ts';

/** A server that gives configs over gRPC, with the HTTP that logs in. */
export interface Open {
  readonly server: ServerAddress;
  readonly http: HttpClient;
  readonly login: NacosLogin;
  readonly connection: NacosConnection;
}

interface Dial {
  readonly baseDir: string;
  readonly namespace: string;
  /** Counts calls that failed: each asks another server. */
  readonly attempt: number;
  readonly tls?: TlsNow;
  readonly onPush?: (type: string, body: Json) => void;
}

/** Logs in and connects. @throws IsthmusError; nothing is left open then. */
export async function openConfigs(config: NacosConfig, dial: Dial, signal: AbortSignal): Promise<Open> {
  const { servers, grpcPortOffset, grpcTls } = config;
  const server = serverAddress(servers[dial.attempt % servers.length] as string, grpcPortOffset, grpcTls);
  const tls = dial.tls ?? renewedTls(config, dial.baseDir);
  const http = new HttpClient(defaultTiming.mostMessageBytes, tls);
  try {
    const login = new NacosLogin(config.auth, dial.baseDir, http, steadyClock, defaultTiming.requestDeadline);
    await login.ensure(server, signal);
    const connection = await NacosConnection.open(
      {
        address: server.grpc,
        ...grpcChannel(server, await tls()),
        token: () => login.current(server),
        namespace: dial.namespace,
        timing: defaultTiming,
        onPush: dial.onPush ?? (() => undefined),
      },
      signal,
    );
    return { server, http, login, connection };
  } catch (thrown) {
    http.close();
    throw thrown;
  }
}

export function shut({ connection, http }: Open): void {
  connection.close();
  http.close();
}
