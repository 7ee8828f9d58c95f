import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';

export interface TlsOptions {
  /** PEM, the whole chain. */
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM: clients must show a certificate signed by one of these. */
  readonly clientCaFile?: string;
}

/** @throws IsthmusError `config.invalid` when a file cannot be read or is no key pair */
export async function serverCredentials(tls: TlsOptions | undefined): Promise<RenewableCredentials | undefined> {
  return tls === undefined ? undefined : new RenewableCredentials(tls, await secureContext(tls));
}

/**
 * TLS whose files can be read again while it is used: grpc-js gives a new context to its server. Connections that are open
 * keep theirs.
 */
export class RenewableCredentials extends ServerCredentials {
  readonly #tls: TlsOptions;

  constructor(tls: TlsOptions, context: SecureContextOptions) {
    // Who has no certificate of ours is told so by a gRPC status (`demandsCertificate`) instead of a broken handshake, which
    // nobody could tell from a dead server.
    super({ requestCert: tls.clientCaFile !== undefined, rejectUnauthorized: false }, context);
    this.#tls = tls;
  }

  /** A stream whose peer has no identity is to be refused. */
  get demandsCertificate(): boolean {
    return this.#tls.clientCaFile !== undefined;
  }

  /** @throws IsthmusError `config.invalid`, and what was there before stays in use */
  async renew(): Promise<void> {
    this.updateSecureContextOptions(await secureContext(this.#tls));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

async function secureContext(tls: TlsOptions): Promise<SecureContextOptions> {
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
