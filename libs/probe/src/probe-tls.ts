import { isIP } from 'node:net';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { messageOf } from '@isthmus/model';

/** How a check over TLS knows whom it talks to. */
export interface ProbeTls {
  /** Of the authorities to trust; undefined: the system's. Parsed once, for there are many checks. */
  readonly trusted: SecureContext | undefined;
  /** Asked for (SNI), and wanted in the certificate; undefined: the address is wanted in it. */
  readonly serverName: string | undefined;
  /** Any certificate will do. */
  readonly insecure: boolean;
}

export function tlsOptions(address: string, { trusted, serverName, insecure }: ProbeTls): ConnectionOptions {
  const name = serverName ?? (isIP(address) === 0 ? address : '');
  return { servername: name, rejectUnauthorized: !insecure, ...(trusted === undefined ? {} : { secureContext: trusted }) };
}

/** What is wrong with a certificate, or with TLS as such, for people; undefined: something else is. */
export function tlsReason(code: string, thrown: unknown): string | undefined {
  // OpenSSL's word for what the other end said: `…:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:…`
  const alert = / routines:[^:]*:([^:]*\balert\b[^:]*)/.exec(messageOf(thrown))?.[1];
  if (alert !== undefined) return `it ended the TLS handshake, as where it wants a certificate of us: ${alert}`;
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'it does not speak TLS';
  const known = CERTIFICATE.get(code);
  if (known !== undefined) return known;
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    ? `its certificate is for another name: ${messageOf(thrown).slice(0, 200)}`
    : undefined;
}

const CERTIFICATE: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is signed by itself and not trusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate is of an authority that is not trusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate is of an authority that is not trusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its certificate is of an authority that is not trusted'],
]);
