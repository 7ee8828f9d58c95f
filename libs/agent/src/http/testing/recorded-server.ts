import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that says its name and remembers what it was asked: an instance, or what a sidecar's egress is to a caller. */
export interface Server {
  readonly port: number;
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly headers: http.IncomingHttpHeaders;
    readonly body: string;
  }[];
  /** Ends it as `kill -9` does: connections are reset. */
  kill(): Promise<void>;
}

export async function serve(
  name: string,
  answer?: (request: http.IncomingMessage, response: http.ServerResponse) => boolean,
): Promise<Server> {
  const seen: Server['seen'] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('error', () => undefined);
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      if (answer?.(request, response) !== true) response.end(name);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A plain call of Node's own client. */
export function call(options: http.RequestOptions, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', ...options }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
