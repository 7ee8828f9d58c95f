import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { IsthmusError, messageOf } from '@isthmus/model';

export interface TlsOptions {
  /** PEM, the whole chain. */
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM: clients must show a certificate signed by one of these. */
  readonly clientCaFile?: string;
}

/** @throws IsthmusError `config.invalid` when a file cannot be read or is no key pair */
export async function secureContext(tls: TlsOptions): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    read(tls.certFile),
    read(tls.keyFile),
    tls.clientCaFile === undefined ? undefined : read(tls.clientCaFile),
  ]);
  const context = { cert, key, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(context);
    return context;
  } catch (cause) {
    throw new IsthmusError('config.invalid', `the TLS files are not usable: ${messageOf(cause)}`, {
      where: tls.certFile,
      meaning: 'no client could connect',
      remedy: 'give a certificate and its own private key, both as PEM',
      cause,
    });
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new IsthmusError('config.invalid', `cannot be read: ${messageOf(cause)}`, {
      where: file,
      meaning: 'the server cannot use TLS',
      remedy: 'check the path, and that the bridge may read the file',
      cause,
    });
  }
}
