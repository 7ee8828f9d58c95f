import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { NacosConfig } from './config.ts';

/** PEM contents, for HTTP and gRPC alike. */
export interface Tls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** Certificates of the config; undefined where no server speaks TLS. @throws when a file cannot be read. */
export async function readTls({ tls, servers }: NacosConfig, baseDir: string): Promise<Tls | undefined> {
  if (tls === undefined || !servers.some((url) => url.startsWith('https:'))) return undefined;
  const read = (path: string | undefined) => (path === undefined ? undefined : readFile(resolve(baseDir, path)));
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
