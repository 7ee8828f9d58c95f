import { describe, expect, test } from '@jest/globals';
import { serverAddress, zookeeperConfigSchema } from './config.ts';

const least = { name: 'dubbo', kind: 'zookeeper', servers: ['127.0.0.1:2181'] };
const problems = (more: object) =>
  (zookeeperConfigSchema.safeParse({ ...least, ...more }).error?.issues ?? []).map((issue) => issue.path.join('.'));

describe('the config of a ZooKeeper registry', () => {
  test('needs servers only; the rest has Dubbo’s own defaults', () => {
    expect(zookeeperConfigSchema.parse(least)).toEqual({
      name: 'dubbo',
      kind: 'zookeeper',
      servers: ['127.0.0.1:2181'],
      root: '/dubbo',
      applicationRoot: '/services',
      services: { include: ['*'], exclude: [] },
      sessionTimeout: 10_000,
      restartGrace: 60_000,
    });
  });

  test.each([
    [{ servers: [] }, 'servers'],
    [{ servers: ['127.0.0.1'] }, 'servers.0'],
    [{ servers: ['http://127.0.0.1:2181'] }, 'servers.0'],
    [{ servers: ['user:secret@127.0.0.1:2181'] }, 'servers.0'],
    [{ servers: ['127.0.0.1:2181/dubbo'] }, 'servers.0'],
    [{ servers: ['127.0.0.1:0'] }, 'servers.0'],
    [{ servers: ['127.0.0.1:70000'] }, 'servers.0'],
    [{ root: 'dubbo' }, 'root'],
    [{ root: '/dubbo/' }, 'root'],
    [{ root: '/' }, 'root'],
    [{ root: '/a/../b' }, 'root'],
    [{ applicationRoot: '/dubbo' }, 'applicationRoot'],
    [{ auth: { username: 'u' } }, 'auth'],
    [{ auth: { username: 'a:b', passwordEnv: 'X' } }, 'auth.username'],
    [{ auth: { username: 'u', password: 'inline' } }, 'auth'],
    [{ sessionTimeout: '10ms' }, 'sessionTimeout'],
    [{ restartGrace: 'soon' }, 'restartGrace'],
    [{ rot: '/dubbo' }, ''],
  ])('%p is refused at %s', (more, path) => {
    expect(problems(more)).toContain(path);
  });

  test.each([
    ['127.0.0.1:2181', { host: '127.0.0.1', port: 2181 }],
    ['[2001:db8::1]:2181', { host: '2001:db8::1', port: 2181 }],
    ['zk.test:2281', { host: 'zk.test', port: 2281 }],
  ])('the server %s is dialled at %p', (server, address) => {
    expect(problems({ servers: [server] })).toEqual([]);
    expect(serverAddress(server)).toEqual(address);
  });
});
