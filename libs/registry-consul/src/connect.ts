import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { readSecret } from '@isthmus/registry';
import type { SourceDeps } from '@isthmus/registry';
import { ConsulClient } from './client.ts';
import type { ConsulConfig } from './config.ts';
import { failureOf } from './failure.ts';
import { Http2Transport, offersHttp2 } from './http2-transport.ts';
import { Http1Transport, expectServerName } from './transport.ts';

/**
 * A client of one of the servers; `attempt` walks through them. Token and certificates are read anew each time, so a
 * rotated file counts at the next connection.
 * @throws ConsulFailure when a TLS server cannot be reached, IsthmusError when a secret or certificate cannot be read.
 */
export async function connectTo(
  config: ConsulConfig,
  deps: Pick<SourceDeps, 'baseDir' | 'onMessage'>,
  attempt: number,
  connections: number,
  signal: AbortSignal,
): Promise<ConsulClient> {
  const server = new URL(config.servers[attempt % config.servers.length] as string);
  const token = await readToken(config, deps.baseDir);
  const tls = server.protocol === 'https:' ? await tlsOptions(config, deps.baseDir) : {};
  const options = { server, tls, maxConnections: connections, onMessage: deps.onMessage };
  let http2 = false;
  if (server.protocol === 'https:') {
    try {
      http2 = await offersHttp2(server, tls, config.requestTimeout, signal);
    } catch (thrown) {
      throw failureOf(thrown, server.origin);
    }
  }
  return new ConsulClient(
    server,
    token,
    config.requestTimeout,
    http2 ? new Http2Transport(options) : new Http1Transport(options),
  );
}

async function readToken(config: ConsulConfig, baseDir: string): Promise<string | undefined> {
  if (config.auth === undefined) return undefined;
  return (await readSecret({ file: config.auth.tokenFile, env: config.auth.tokenEnv }, baseDir)).trim();
}

export async function tlsOptions(config: ConsulConfig, baseDir: string): Promise<ConnectionOptions> {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFile(resolve(baseDir, file)));
  const [ca, cert, key] = await Promise.all([read(config.tls?.caFile), read(config.tls?.certFile), read(config.tls?.keyFile)]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...expectServerName(config.tls?.serverName),
  };
}
