import type { Protocol } from '@isthmus/model';

/** True for the protocols that run on HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}
