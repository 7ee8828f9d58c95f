import { describe, expect, test } from '@jest/globals';
import { consulConfig } from './config.ts';

const messages = (entry: object): readonly string[] =>
  consulConfig
    .safeParse({ name: 'hq', kind: 'consul', ...entry })
    .error?.issues.map((i) => `${i.path.join('.')}: ${i.message}`) ?? [];

describe('a consul entry of registries:', () => {
  test('needs a name only; the rest has defaults', () => {
    expect(consulConfig.parse({ name: 'hq', kind: 'consul' })).toEqual({
      name: 'hq',
      kind: 'consul',
      servers: ['http://127.0.0.1:8500'],
      datacenters: [],
      services: { include: ['*'], exclude: [] },
      passingOnly: true,
      maxConnections: 128,
      wait: 600_000,
      requestTimeout: 5_000,
      restartGrace: 60_000,
    });
  });

  test('takes the servers with or without a slash at the end', () => {
    expect(consulConfig.parse({ name: 'hq', kind: 'consul', servers: ['https://consul.internal:8501/'] }).servers).toEqual([
      'https://consul.internal:8501',
    ]);
  });

  test('refuses what cannot work, and says what to write', () => {
    expect(messages({ servers: ['127.0.0.1:8500'] })).toEqual(['servers.0: use http://host:port or https://host:port']);
    expect(messages({ servers: ['http://me:secret@consul:8500'] })).toEqual([
      'servers.0: put no credentials into the URL: use auth.tokenFile',
    ]);
    expect(messages({ auth: {} })).toEqual(['auth: give either tokenEnv or tokenFile']);
    expect(messages({ auth: { tokenEnv: 'A', tokenFile: 'b' } })).toEqual(['auth: give either tokenEnv or tokenFile']);
    expect(messages({ wait: '11m' })).toEqual(['wait: must be between 1 s and 10 min']);
    expect(messages({ datacenters: ['a', 'b', 'c'], maxConnections: 32 })).toEqual([
      'maxConnections: 3 datacenters need at least 72 connections (24 each)',
    ]);
    expect(messages({ token: 'abc' })).toHaveLength(1);
  });
});
