import { readFile } from 'node:fs/promises';
import { watchPath } from '@isthmus/config';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { Logger } from 'pino';

/** A server of ours whose certificate may be renewed while it runs. */
export interface CertifiedServer {
  readonly name: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string } | undefined;
  /** Takes the files as they are now. @throws when they do not fit together; those in use stay */
  renew(): Promise<void>;
}

/**
 * Follows the certificate files of each server: whoever renews them (cert-manager, certbot, a ConfigMap) replaces files, and
 * new connections should see it before the old certificate ends. Certificate and key may come one after the other; the pair
 * that does not fit yet is not used. Resolves when all is watched.
 */
export async function renewCertificates(servers: readonly CertifiedServer[], log: Logger, signal: AbortSignal): Promise<void> {
  await Promise.all(servers.map((server) => follow(server, log, signal)));
}

async function follow({ name, tls, renew }: CertifiedServer, log: Logger, signal: AbortSignal): Promise<void> {
  if (tls === undefined) return;
  const files = [tls.certFile, tls.keyFile, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])];
  const content = async () => (await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')))).join('\n');
  let last = await content();
  const onChange = async (): Promise<void> => {
    const now = await content();
    if (now === last || signal.aborted) return;
    last = now;
    try {
      await renew();
      log.info({ files }, `${name} shows the renewed certificate to new connections`);
    } catch (error) {
      const why = IsthmusError.is(error) ? error.explain() : messageOf(error);
      log.warn({ files }, `${name} goes on with the certificate that it has, the changed files do not fit: ${why}`);
    }
  };
  const onBlind = (cause: unknown): void =>
    log.warn({ files }, `certificates of ${name} cannot be watched, renewed ones need a restart: ${messageOf(cause)}`);
  await Promise.all(files.map((file) => watchPath(file, { signal, onChange, onBlind })));
}
