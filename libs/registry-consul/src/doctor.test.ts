import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { consulConfig } from './config.ts';
import { doctorConsul } from './doctor.ts';
import { FakeConsul } from './testing/fake-consul.ts';
import type { FakeOptions } from './testing/fake-consul.ts';

const started: FakeConsul[] = [];
afterEach(async () => {
  for (const consul of started.splice(0)) await consul.down();
});
process.env['CONSUL_TEST_RIGHT'] = 'right';
process.env['CONSUL_TEST_WRONG'] = 'wrong';

async function findings(fake: FakeOptions, settings: object, prepare: (fake: FakeConsul) => void = () => undefined) {
  const consul = new FakeConsul(fake);
  started.push(consul);
  consul.catalog.put({ service: 'orders', address: '10.0.0.1', port: 8080 });
  prepare(consul);
  await consul.up();
  const config = consulConfig.parse({ name: 'hq', kind: 'consul', servers: [consul.url], requestTimeout: '500ms', ...settings });
  const deps = { clock: systemClock, random: Math.random, baseDir: process.cwd() };
  const found = await doctorConsul(config.name, config, deps, new AbortController().signal);
  return found.map(({ level, what, remedy }) =>
    `${level}: ${what}${remedy === undefined ? '' : ` -> ${remedy}`}`.replaceAll(consul.url, 'URL'),
  );
}

describe('doctor', () => {
  test('says version and number of services when all is well', async () => {
    expect(await findings({ token: 'right' }, { auth: { tokenEnv: 'CONSUL_TEST_RIGHT' } })).toEqual([
      'ok: Consul 1.22.7 in dc1 answers at URL',
      'ok: 1 services to read in datacenter dc1',
    ]);
  });

  test('a wrong token', async () => {
    expect((await findings({ token: 'right' }, { auth: { tokenEnv: 'CONSUL_TEST_WRONG' } })).join('\n')).toMatch(
      /error: .*refuses the ACL token.*ACL not found.* -> check that the token exists/,
    );
  });

  test('no token where one is needed', async () => {
    expect((await findings({ token: 'right' }, {})).join('\n')).toMatch(
      /error: .*lists nothing to a caller without a token.* -> set auth\.tokenFile/,
    );
  });

  test('a token with too few rights', async () => {
    const found = await findings({ token: 'right' }, { auth: { tokenEnv: 'CONSUL_TEST_RIGHT' } }, (fake) =>
      fake.hidden.add('orders'),
    );
    expect(found.join('\n')).toMatch(/warning: Consul leaves services of dc1 out.* -> .*service_prefix/);
  });

  test('a datacenter that there is not', async () => {
    expect((await findings({}, { datacenters: ['dc9'] })).join('\n')).toMatch(
      /error: URL knows no datacenter dc9 -> use one of dc1/,
    );
  });

  test('more services than connections names the setting', async () => {
    const prepare = (fake: FakeConsul) => {
      for (let n = 0; n < 200; n += 1) fake.catalog.put({ service: `s-${n}`, address: '10.0.0.2', port: 8080 });
    };
    expect((await findings({}, {}, prepare)).join('\n')).toMatch(
      /warning: 201 services in dc1, but 128 connections.* -> .*limits\.http_max_conns_per_client/,
    );
  });

  test('a server that does not answer, one that is not there, one that is no Consul, one without a leader', async () => {
    expect((await findings({}, {}, (fake) => (fake.hanging = true))).join('\n')).toMatch(/error: .*does not answer -> /);
    expect((await findings({}, { servers: ['http://127.0.0.1:1'] })).join('\n')).toMatch(
      /error: .*cannot be reached.* -> check servers/,
    );
    const page = { body: '<html>', headers: { 'Content-Type': 'text/html' } };
    expect((await findings({}, {}, (fake) => fake.instead.set('/v1/', page))).join('\n')).toMatch(
      /error: .*HTML.* -> check that this is a Consul/,
    );
    expect((await findings({}, {}, (fake) => (fake.leader = ''))).join('\n')).toMatch(/error: .*leader.* -> check the servers/);
  });
});
