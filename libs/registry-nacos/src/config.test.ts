import { describe, expect, test } from '@jest/globals';
import { nacosConfigSchema } from './config.ts';

const least = { name: 'shop', kind: 'nacos', servers: ['http://127.0.0.1:8848'] };
const paths = (config: object) => [
  ...new Set(nacosConfigSchema.safeParse(config).error?.issues.map((issue) => issue.path.join('.'))),
];

describe('the config of a Nacos registry', () => {
  test('needs a name and a server, the rest has defaults', () => {
    expect(nacosConfigSchema.parse(least)).toMatchObject({
      api: 'auto',
      grpcPortOffset: 1_000,
      namespaces: ['public'],
      groups: ['*'],
      services: { include: ['*'], exclude: [] },
      listInterval: 10_000,
      restartGrace: 60_000,
    });
  });

  test.each([
    ['an unknown field', { group: ['x'] }, ['']],
    ['a server without a scheme', { servers: ['127.0.0.1:8848'] }, ['servers.0']],
    ['no server', { servers: [] }, ['servers']],
    ['a group pattern', { groups: ['shop-*'] }, ['groups.0']],
    ['an api that there is not', { api: 'udp' }, ['api']],
    ['a password in the file itself', { auth: { username: 'u', password: 'p' } }, ['auth']],
    ['two places for the password', { auth: { username: 'u', passwordFile: 'f', passwordEnv: 'E' } }, ['auth']],
    ['no place for the password', { auth: { username: 'u' } }, ['auth']],
    ['a listing interval without a unit', { listInterval: '10' }, ['listInterval']],
    ['several mistakes', { api: 'x', groups: [] }, ['api', 'groups']],
  ])('refuses %s', (_, change, where) => {
    expect(paths({ ...least, ...change })).toEqual(where);
  });
});
