import http from 'node:http';
import type { FakeStore } from './fake-store.ts';

export interface FakeHttpOptions {
  readonly store: FakeStore;
  readonly version: string;
  readonly auth: { readonly username: string; readonly password: string } | undefined;
  readonly token: () => string;
  /** Does the catalog API answer, which lists services of all groups? */
  readonly catalog: boolean;
  readonly isHung: () => boolean;
  /** Answers instead of the fake when it gives something. */
  readonly intercept: (path: string, query: URLSearchParams) => FakeHttpAnswer | undefined;
}

export interface FakeHttpAnswer {
  readonly status: number;
  readonly body: Buffer | string;
  readonly type?: string;
}

/** The part of the v1 HTTP API that the source uses. */
export async function startFakeHttp(options: FakeHttpOptions, port: number): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    const path = url.pathname.replace(/^\/nacos/, '');
    let form = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (form += chunk));
    request.on('end', () => {
      if (options.isHung()) return;
      const answer =
        options.intercept(path, url.searchParams) ??
        answerTo(options, path, url.searchParams, new URLSearchParams(form), request.headers.authorization);
      response.writeHead(answer.status, { 'content-type': answer.type ?? 'application/json' }).end(answer.body);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

function answerTo(
  { store, version, auth, token, catalog }: FakeHttpOptions,
  path: string,
  query: URLSearchParams,
  form: URLSearchParams,
  authorization: string | undefined,
): FakeHttpAnswer {
  const json = (value: unknown): FakeHttpAnswer => ({ status: 200, body: JSON.stringify(value) });
  const namespace = query.get('namespaceId') ?? '';
  // Nacos 3 with its compatibility switches off, as seen: 410 for v1, and 500 for a wrong password.
  const three = version.startsWith('3');
  if (three && path.startsWith('/v1/auth/')) return { status: 410, body: JSON.stringify({ status: 410, error: 'Gone', path }) };
  if (path === (three ? '/v3/auth/user/login' : '/v1/auth/login')) {
    if (auth !== undefined && form.get('username') === auth.username && form.get('password') === auth.password) {
      return json({ accessToken: token(), tokenTtl: 18_000, globalAdmin: true, username: auth.username });
    }
    if (three)
      return { status: 500, body: JSON.stringify({ status: 500, error: 'Internal Server Error', path: `/nacos${path}` }) };
    return { status: 403, body: 'unknown user!' };
  }
  if (path === '/v1/ns/operator/metrics') return json({ status: 'UP' });
  if (path === '/v1/console/server/state') return json({ version, standalone_mode: 'standalone' });
  if (auth !== undefined && authorization !== `Bearer ${token()}`)
    return { status: 403, body: JSON.stringify({ status: 403, message: 'user not found!' }) };
  switch (path) {
    case '/v1/ns/catalog/services': {
      if (!catalog) return { status: 403, body: '{"status":403,"message":"authorization failed!"}' };
      const list = store.services(namespace).map(({ name, group }) => ({ name, groupName: group, clusterCount: 1, ipCount: 1 }));
      return json({ count: list.length, serviceList: query.get('pageNo') === '1' ? list : [] });
    }
    case '/v1/ns/service/list': {
      const names = store.services(namespace, query.get('groupName') ?? '').map(({ name }) => name);
      return json({ count: names.length, doms: query.get('pageNo') === '1' ? names : [] });
    }
    case '/v1/ns/instance/list': {
      const [group = '', name = ''] = (query.get('serviceName') ?? '').split('@@');
      return json(
        store.info(
          { namespace, group, name },
          {
            healthyOnly: query.get('healthyOnly') === 'true',
            grouped: true,
            clusters: query.get('clusters') ?? '',
          },
        ),
      );
    }
    default:
      return { status: 404, body: 'no such api' };
  }
}
