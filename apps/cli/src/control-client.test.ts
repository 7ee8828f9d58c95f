import { describe, expect, test } from '@jest/globals';
import { controlClient } from './control-client.ts';
import { CliError } from './exit-code.ts';
import { fakeControl } from './testing/fake-control.ts';
import type { FakeRoutes } from './testing/fake-control.ts';

const SOURCES = 'GET /api/v1/sources';

async function failureOf(routes: FakeRoutes, deadlineMs = 10_000): Promise<{ code: number; message: string }> {
  await using control = await fakeControl(routes);
  const error = await controlClient({ url: new URL(control.url), deadlineMs })
    .get('/sources')
    .catch((e: unknown) => e);
  if (!(error instanceof CliError)) throw new Error(`expected a CliError, got ${String(error)}`);
  return { code: error.exitCode, message: error.message.replaceAll(control.url, 'URL') };
}

describe('the client of the control API', () => {
  test('says what to start when nothing listens', async () => {
    let url: URL;
    {
      await using control = await fakeControl({});
      url = new URL(control.url);
    }
    await expect(controlClient({ url }).get('/sources')).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /nothing listens there.*\nStart it with `isthmus serve -c FILE`, or the lab with `npm start`/,
      ),
    });
  });

  test('sends the token, and the path below a base path', async () => {
    const seen: unknown[] = [];
    await using control = await fakeControl({
      'GET /bridge/api/v1/sources': (request, response) => {
        seen.push(request.headers.authorization);
        response.setHeader('content-type', 'application/json').end('{"items":[]}');
      },
    });
    const client = controlClient({ url: new URL(`${control.url}/bridge/`), token: 'abc' });
    expect(await client.get('/sources')).toEqual({ items: [] });
    expect(seen).toEqual(['Bearer abc']);
  });

  test('prints a problem with its remedy, as something found', async () => {
    const body = {
      type: 'about:blank',
      title: 'Nothing held',
      status: 404,
      detail: 'nothing is held in x',
      remedy: 'isthmus get held',
    };
    expect(await failureOf({ [SOURCES]: { status: 404, type: 'application/problem+json', body } })).toEqual({
      code: 1,
      message: 'Nothing held: nothing is held in x.\nTry: isthmus get held',
    });
  });

  test('names the token option when the bridge wants one and says no more', async () => {
    const { code, message } = await failureOf({ [SOURCES]: { status: 401, body: { title: 'Token needed' } } });
    expect([code, message]).toEqual([1, 'Token needed.\nTry: give the right token with --token-file FILE']);
  });

  test.each([
    ['an HTML page with status 200', { type: 'text/html', body: '<html>login</html>' }],
    ['an HTML page with status 404', { status: 404, type: 'text/html', body: '<html>nginx</html>' }],
    ['truncated JSON', { body: '{"items": [' }],
    ['a redirect, which is not followed', { status: 302, type: 'text/plain', body: '' }],
  ])('takes %s for another server', async (_, answer) => {
    const { code, message } = await failureOf({ [SOURCES]: answer });
    expect(code).toBe(3);
    expect(message).toMatch(/something answers at URL, but it is not the bridge/);
  });

  test('gives up on a server that answers nothing', async () => {
    const { code, message } = await failureOf({ [SOURCES]: () => {} }, 50);
    expect(code).toBe(3);
    expect(message).toMatch(/no complete answer within 0.05 s/);
  });

  test('gives up on a server that stops in the middle of its answer', async () => {
    const half: FakeRoutes = {
      [SOURCES]: (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('{"items"', () => response.destroy());
      },
    };
    const { code, message } = await failureOf(half);
    expect(code).toBe(3);
    expect(message).toMatch(/closed before the answer was complete|aborted/);
  });

  test('goes to the replica that leads when one that follows says where it is, with the token', async () => {
    const seen: unknown[] = [];
    await using leader = await fakeControl({
      'POST /api/v1/held/old/release': (request, response) => {
        seen.push(request.headers.authorization);
        response.setHeader('content-type', 'application/json').end('{"released":3}');
      },
    });
    const route = (location: string): FakeRoutes => ({
      'POST /api/v1/held/old/release': (_, response) => {
        const body = { title: 'Not the leader', status: 307, remedy: `ask ${location}` };
        response.writeHead(307, { location, 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
      },
    });
    await using follower = await fakeControl(route(`${leader.url}/api/v1/held/old/release`));
    const client = controlClient({ url: new URL(follower.url), token: 'secret' });
    expect(await client.post('/held/old/release')).toEqual({ released: 3 });
    expect(seen).toEqual(['Bearer secret']);
    // Beyond loopback without TLS everyone on the way could read the token.
    await using careless = await fakeControl(route('http://192.0.2.1:15080/api/v1/held/old/release'));
    await expect(controlClient({ url: new URL(careless.url), token: 'secret' }).post('/held/old/release')).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('ask http://192.0.2.1:15080'),
    });
  });
});
