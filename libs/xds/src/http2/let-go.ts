import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';

/** ms that a client may take to read the end of its stream, and to end it too. */
const MAX_LINGER = 10_000;

/** To a stream that has got its end: what the client still says is of no use, and it may not stay for ever. */
export function letGo(stream: ServerHttp2Stream): void {
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), MAX_LINGER);
  timer.unref();
  stream.on('close', () => clearTimeout(timer));
}
