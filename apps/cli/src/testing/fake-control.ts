import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: unknown;
}

export type FakeRoutes = Readonly<Record<string, FakeAnswer | ((request: IncomingMessage, response: ServerResponse) => void)>>;

export interface FakeControl extends AsyncDisposable {
  readonly url: string;
  /** `GET /api/v1/sources`, in the order in which they came. */
  readonly requests: readonly string[];
}

/** A control API on a free loopback port that answers what it is told to; anything else is a 404 problem. */
export async function fakeControl(routes: FakeRoutes): Promise<FakeControl> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    const route = routes[line];
    if (typeof route === 'function') return route(request, response);
    const answer = route ?? notFound(request.url ?? '');
    response.writeHead(answer.status ?? 200, { 'content-type': answer.type ?? 'application/json; charset=utf-8' });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function notFound(path: string): FakeAnswer {
  return {
    status: 404,
    type: 'application/problem+json',
    body: {
      type: 'about:blank',
      title: 'No such host',
      status: 404,
      detail: `nothing at ${path}`,
      remedy: 'isthmus get services',
    },
  };
}
