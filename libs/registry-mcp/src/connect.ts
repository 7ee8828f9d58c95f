import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';
import { readSecret } from '@isthmus/registry';
import type { SourceDeps } from '@isthmus/registry';
import type { McpConfig } from './config.ts';

/** State of the world is one message; a bridge with 50,000 services sends 100 MB. */
const MOST_MESSAGE_BYTES = 256 * 1024 * 1024;

export interface Connection {
  readonly client: Client;
  /** Sent with every stream. */
  readonly metadata: Metadata;
}

/**
 * A client of one server. Token and certificates are read anew each time, so that a rotated file counts at the next
 * connection. Nothing is dialled yet.
 * @throws IsthmusError `config.invalid` when a secret or certificate cannot be read
 */
export async function connectionTo(server: string, config: McpConfig, deps: SourceDeps): Promise<Connection> {
  const metadata = new Metadata();
  if (config.auth !== undefined) {
    const token = await readSecret({ file: config.auth.tokenFile, env: config.auth.tokenEnv }, deps.baseDir);
    metadata.set('authorization', `Bearer ${token.trim()}`);
  }
  const serverName = config.tls?.serverName;
  const client = new Client(server, await channelCredentials(config, deps.baseDir), {
    'grpc.use_local_subchannel_pool': 1, // closing this client has to close its connection
    'grpc.max_receive_message_length': MOST_MESSAGE_BYTES,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.keepalive_time_ms': config.keepalive,
    'grpc.keepalive_timeout_ms': Math.ceil(config.keepalive / 3),
    'grpc.initial_reconnect_backoff_ms': 100,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  });
  return { client, metadata };
}

async function channelCredentials({ tls }: McpConfig, baseDir: string): Promise<ChannelCredentials> {
  if (tls === undefined) return credentials.createInsecure();
  const read = (file: string | undefined) => (file === undefined ? null : readFile(resolve(baseDir, file)));
  try {
    const [ca, key, cert] = await Promise.all([read(tls.caFile), read(tls.keyFile), read(tls.certFile)]);
    return credentials.createSsl(ca, key, cert);
  } catch (cause) {
    throw new IsthmusError('config.invalid', `the TLS files are not usable: ${messageOf(cause)}`, {
      meaning: 'no server can be reached',
      remedy: 'check tls.caFile, tls.certFile and tls.keyFile of this registry',
      cause,
    });
  }
}
