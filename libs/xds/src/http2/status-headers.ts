import { constants } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http2';
import type { status } from '@grpc/grpc-js';

/** Longer ones would not fit into the header list that clients take (gRPC: 8 KiB). */
const MOST_CHARACTERS = 2_000;

/** What a response begins with. */
export const RESPONSE_HEADERS: OutgoingHttpHeaders = {
  [constants.HTTP2_HEADER_STATUS]: 200,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
  'grpc-accept-encoding': 'identity',
};

/** What it ends with. */
export function statusHeaders(code: status, message: string): OutgoingHttpHeaders {
  return { 'grpc-status': String(code), ...(message === '' ? {} : { 'grpc-message': percentEncoded(message) }) };
}

/** gRPC over HTTP/2, "Percent-Encoded": UTF-8, all but the printable ASCII characters, and `%`. */
function percentEncoded(message: string): string {
  const text = message.length > MOST_CHARACTERS ? `${message.slice(0, MOST_CHARACTERS)}…` : message;
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8'))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}
