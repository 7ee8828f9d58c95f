import { MARK_HEADER } from '@isthmus/ladder';

/** Where the head of a request ends, or -1 while it is not whole. */
export function headEnd(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n');
  return at === -1 ? -1 : at + 4;
}

const OWN_MARK = new RegExp(`\\r\\n${MARK_HEADER}:`, 'i');
const OWN_MARKS = new RegExp(`\\r\\n${MARK_HEADER}:[^\\r\\n]*`, 'gi');

/**
 * The head as the sidecar gets it: another Host, and headers that it has not got yet. A mark that the application wrote (it may have
 * copied the headers of a call that it got) is not the agent's, and goes.
 * @param head up to and with the empty line, RFC 9112 section 2.1; latin1, so that every byte stays what it is
 * @throws {Error} when it has no Host, or a target that names another one (RFC 9112 section 3.2.2)
 */
export function headFor(head: Buffer, authority: string, more: readonly (readonly [string, string])[]): Buffer {
  const written = head.toString('latin1');
  const text = OWN_MARK.test(written) ? written.replace(OWN_MARKS, '') : written;
  if (!/^[A-Z]+ \//.test(text)) throw new Error('the request names no path');
  const host = /\r\nhost:[^\r\n]*/i.exec(text);
  if (host === null) throw new Error('the request has no Host');
  const added = more.map(([name, value]) => `\r\n${name}: ${value}`).join('');
  return Buffer.from(
    `${text.slice(0, host.index)}\r\nHost: ${authority}${added}${text.slice(host.index + host[0].length)}`,
    'latin1',
  );
}

/** RFC 9110 section 9.2.2: sent twice, they mean what they mean once. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
