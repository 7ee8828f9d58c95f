import type { TLSSocket } from 'node:tls';

/** Alerts with which a client says that our certificate is not good (RFC 8446, 6.2), as OpenSSL names them. */
const DISTRUST = / alert (?:unknown ca|bad certificate|certificate unknown|certificate expired)$/i;

/**
 * Why a handshake failed, for who looks after the client: it is told nothing but the end of its connection.
 * Undefined: a connection that came and went (a port check) or was cut, which says nothing of anybody's configuration.
 * @param error of Node's `tlsClientError`; its `reason` is OpenSSL's
 */
export function tlsFailure(error: Error & { readonly code?: string; readonly reason?: string }): string | undefined {
  const { code = '', reason = '' } = error;
  if (!code.startsWith('ERR_SSL_')) return undefined;
  if (DISTRUST.test(reason))
    return `it does not trust the bridge’s certificate (TLS: ${reason}): give it the authority of \`tls.certFile\` (\`isthmus proxy bootstrap --xds-ca\`), and connect to a name or address that is in the certificate`;
  if (/wrong version number|http request|unknown protocol/.test(reason))
    return 'it spoke without TLS, and this output has `tls`: make its bootstrap with --xds-ca';
  return `the TLS handshake failed: ${reason === '' ? code : reason}`;
}

/** IP and port, as far as a socket whose connection may be gone still knows. */
export function addressOf({ remoteAddress, remotePort }: TLSSocket): string {
  return `${remoteAddress ?? ''}:${remotePort ?? ''}`;
}
