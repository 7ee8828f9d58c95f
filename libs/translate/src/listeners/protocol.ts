/** What a port's protocol means for its listener; undefined: no listener. */
export type Shape = 'http' | 'tcp';

const HTTP = new Set(['http', 'http2', 'grpc', 'grpc-web', 'http_proxy']);

/** @param protocol in lower case; what Istio has no name for is TCP */
export function shapeOf(protocol: string): Shape | undefined {
  if (HTTP.has(protocol)) return 'http';
  return protocol === 'udp' ? undefined : 'tcp';
}
