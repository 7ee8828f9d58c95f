import { describe, expect, test } from '@jest/globals';
import { eurekaSchema } from './config.ts';

const entry = { name: 'old', kind: 'eureka', servers: ['http://127.0.0.1:8761/eureka/'] };
const messages = (more: object) => {
  const result = eurekaSchema.safeParse({ ...entry, ...more });
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};

describe('the config of a Eureka registry', () => {
  test('needs no more than its servers, and has times for everything', () => {
    expect(eurekaSchema.parse(entry)).toMatchObject({
      servers: ['http://127.0.0.1:8761/eureka'],
      services: { include: ['*'], exclude: [] },
      pollInterval: 5_000,
      timeout: 10_000,
      restartGrace: 60_000,
      maxAnswerMegabytes: 256,
    });
  });

  test('refuses a password in a URL and says where it belongs', () => {
    expect(messages({ servers: ['http://lab:secret@127.0.0.1:8761/eureka'] })).toEqual([
      expect.stringMatching(/^servers\.0: .*auth\.passwordFile/),
    ]);
  });

  test.each([
    [{ servers: ['127.0.0.1:8761'] }, /http:\/\/host:port\/eureka/],
    [{ auth: { username: 'lab' } }, /passwordFile and passwordEnv/],
    [{ auth: { username: 'lab', passwordFile: 'a', passwordEnv: 'B' } }, /passwordFile and passwordEnv/],
    [{ pollInterval: '1ms' }, /between/],
    [{ polInterval: '5s' }, /polInterval/],
  ])('refuses %j', (more, message) => {
    expect(messages(more).join('\n')).toMatch(message);
  });
});
