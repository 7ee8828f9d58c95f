import { afterEach, describe, expect, test } from '@jest/globals';
import { NacosWorld, live, never, one, scopeOf, service, states } from './testing/nacos-world.ts';

const world = new NacosWorld();
afterEach(() => world.close());

describe('several servers and tokens', () => {
  test('when one server is lost the next one is used', async () => {
    const [first, second] = [await world.start(), await world.start()];
    const view = world.watch([first, second]);
    await live(view);
    await first.down();
    await view.until('on the second', (v) => second.requests.length > 0 && v.status(scopeOf())?.state === 'live');
    second.set(service('orders'), [{ ip: '10.0.0.2', port: 80 }]);
    await view.until('its pushes', (v) => v.endpoints('orders')[0]?.address === '10.0.0.2');
  });

  test('a server that asks us to move is left for the one it names, without being stale', async () => {
    const [first, second] = [await world.start(), await world.start()];
    const view = world.watch([first]);
    await live(view);
    first.push('ConnectResetRequest', { serverIp: '127.0.0.1', serverPort: String(second.httpPort) });
    await view.until('moved', () => second.requests.includes('SubscribeServiceRequest'));
    await view.until('the old connection is closed', () => first.requests.includes('ConnectResetResponse'));
    second.set(service('orders'), [{ ip: '10.0.0.2', port: 80 }]);
    await view.until('its pushes', (v) => v.endpoints('orders')[0]?.address === '10.0.0.2');
    expect(states(view)).toEqual(['syncing', 'live']);
  });

  test('a server that starts is waited for', async () => {
    const fake = await world.start();
    fake.starting = true;
    const view = world.watch([fake]);
    await view.until('stale', (v) => v.status(scopeOf())?.state === 'stale');
    expect(JSON.stringify(view.status(scopeOf()))).toContain('still starting');
    fake.starting = false;
    await live(view);
  });

  test('a token that is refused is replaced by a new login', async () => {
    process.env['ISTHMUS_TEST_RIGHT'] = 'right';
    const fake = await world.start({ auth: { username: 'reader', password: 'right' } });
    const view = world.watch([fake], { auth: { username: 'reader', passwordEnv: 'ISTHMUS_TEST_RIGHT' } });
    await live(view);
    fake.revokeTokens();
    fake.set(service('late'), one);
    await view.until('found with the new token', (v) => v.has('late'));
    expect(states(view)).toEqual(['syncing', 'live']);
  });

  test('no login where Nacos wants one is stale with a cause that says so', async () => {
    const fake = await world.start({ auth: { username: 'reader', password: 'right' } });
    const view = world.watch([fake]);
    await view.until('stale', (v) => v.status(scopeOf())?.state === 'stale');
    expect(JSON.stringify(view.status(scopeOf()))).toContain('403 user not found!');
  });

  test('a password file that is missing is stale with its path', async () => {
    const fake = await world.start({ auth: { username: 'reader', password: 'right' } });
    const view = world.watch([fake], { auth: { username: 'reader', passwordFile: 'missing/password' } });
    await view.until('stale', (v) => v.status(scopeOf())?.state === 'stale');
    expect(JSON.stringify(view.status(scopeOf()))).toContain('missing/password');
  });
});

describe('api: auto', () => {
  test('reads a server without a gRPC port over HTTP', async () => {
    const fake = await world.start({ httpOnly: true });
    const view = world.watch([fake]);
    await live(view);
    expect(view.has('orders')).toBe(true);
  });

  test('returns to gRPC when its port answers', async () => {
    const fake = await world.start({ httpOnly: true });
    const view = world.watch([fake], {}, { grpcProbeEvery: 300 });
    await live(view);
    await fake.serveGrpc();
    await view.until('over gRPC', () => fake.requests.includes('SubscribeServiceRequest'));
    await live(view);
    expect(view.has('orders')).toBe(true);
  });

  test('over HTTP hears of a change from npm nacos before the next listing', async () => {
    const fake = await world.start({ httpOnly: true });
    const view = world.watch([fake], { ...never, api: 'http' });
    await live(view);
    fake.set(service('orders'), [{ ip: '10.0.0.2', port: 80 }]);
    await view.until('the hint', (v) => v.endpoints('orders')[0]?.address === '10.0.0.2', 10_000);
  }, 15_000);
});
