import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { NacosConfig } from './config.ts';
import type { ServerAddress } from './server-address.ts';

/** PEM contents, for HTTP and gRPC alike. */
export interface Tls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** Certificates of the config; undefined where no server speaks TLS. @throws when a file cannot be read. */
export async function readTls({ tls, servers, grpcTls }: NacosConfig, baseDir: string): Promise<Tls | undefined> {
  if (tls === undefined || !(grpcTls === true || servers.some((url) => url.startsWith('https:')))) return undefined;
  const read = (path: string | undefined) => (path === undefined ? undefined : readFile(resolve(baseDir, path)));
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

/** Asked for each new connection. */
export type TlsNow = () => Promise<Tls | undefined>;

/**
 * Reads the files again for each new connection, so that a renewed certificate needs no restart. While they do not fit together
 * (certificate and key are replaced one after the other) those of before are used. @throws as long as there were none.
 */
export function renewedTls(config: NacosConfig, baseDir: string): TlsNow {
  let fitting: { readonly tls: Tls | undefined } | undefined;
  return async () => {
    try {
      const tls = await readTls(config, baseDir);
      if (tls !== undefined) createSecureContext(tls);
      fitting = { tls };
    } catch (thrown) {
      if (fitting === undefined) {
        const remedy = 'check tls.caFile, tls.certFile and tls.keyFile of this registry';
        throw new IsthmusError('config.invalid', `the TLS files are not usable: ${messageOf(thrown)}`, { cause: thrown, remedy });
      }
    }
    return fitting.tls;
  };
}

/** How a server's gRPC port is dialled. */
export function grpcChannel(
  server: ServerAddress,
  tls: Tls | undefined,
): { readonly credentials?: ChannelCredentials; readonly serverName?: string | undefined } {
  if (!server.secure) return {};
  return {
    credentials: credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null),
    serverName: tls?.servername,
  };
}

/** Whose certificate is not believed, or who speaks no TLS. */
export function isTlsFailure(text: string): boolean {
  return /certificate|SELF_SIGNED|UNABLE_TO_|ALTNAME|wrong version number|EPROTO|ERR_SSL/i.test(text);
}

export const TLS_REMEDY =
  'give the authority of the server’s certificate in tls.caFile, and its name in tls.serverName where it is not the host dialled; a server that speaks no TLS wants http://';
