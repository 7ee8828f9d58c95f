import { readFile } from 'node:fs/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';

export interface TlsOptions {
  /** PEM, the whole chain. */
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM: clients must show a certificate signed by one of these. */
  readonly clientCaFile?: string;
}

/**
 * The files are read once: a renewed certificate needs a restart.
 * @throws IsthmusError `config.invalid` when a file cannot be read or is no key pair
 */
export async function serverCredentials(tls: TlsOptions | undefined): Promise<ServerCredentials> {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const [cert, key, ca] = await Promise.all([
    read(tls.certFile),
    read(tls.keyFile),
    tls.clientCaFile === undefined ? null : read(tls.clientCaFile),
  ]);
  try {
    return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
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
