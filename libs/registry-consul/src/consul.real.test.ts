import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { freePorts, provide, servers, startConsul } from '@isthmus/servers';
import type { ConsulOptions, ConsulServer } from '@isthmus/servers';
import { consulConfig } from './config.ts';
import { doctorConsul } from './doctor.ts';
import { testSource } from './testing/fake-harness.ts';
import { ConsulLoad, loadInstance } from './testing/load.ts';
import { RIGHT_TOKEN, agentPut } from './testing/real-harness.ts';
import { DC1, patient } from './testing/scenario.ts';

jest.setTimeout(120_000);

const views: Collector[] = [];
afterEach(async () => {
  const violations = views.flatMap((view) => view.violations);
  await Promise.all(views.splice(0).map((view) => view.stop(5_000)));
  expect(violations).toEqual([]);
});

function watch(settings: Readonly<Record<string, unknown>>): Collector {
  const view = patient(collect(testSource(settings)));
  views.push(view);
  return view;
}

const url = (server: ConsulServer) => `http://127.0.0.1:${server.ports.http}`;
const isLive = (view: Collector, dc = 'dc1') =>
  view.until(`${dc} live`, (v) => v.status({ ...DC1, namespace: dc })?.state === 'live');

describe('two datacenters joined over WAN', () => {
  let one: ConsulServer;
  let two: ConsulServer;
  beforeAll(async () => {
    one = await startConsul();
    two = await startConsul({ datacenter: 'dc2', joinWan: [one.ports.serfWan] });
  });
  afterAll(() => Promise.all([one?.stop(), two?.stop()]));

  test('are two scopes; losing one leaves the other live', async () => {
    for (const [server, dc] of [
      [one, 'dc1'],
      [two, 'dc2'],
    ] as const) {
      const load = new ConsulLoad({ url: url(server) });
      await load.register(`in-${dc}`, 1, 2);
      load.close();
    }
    const view = watch({ servers: [url(one)], datacenters: ['dc1', 'dc2'] });
    await Promise.all([isLive(view, 'dc1'), isLive(view, 'dc2')]);
    expect([...view.services.values()].map((service) => service.host).sort()).toEqual([
      'in-dc1-0.dc1.consul',
      'in-dc2-0.dc2.consul',
    ]);
    await two.kill();
    await view.until('dc2 stale', (v) => v.status({ ...DC1, namespace: 'dc2' })?.state === 'stale');
    expect(view.status(DC1)).toEqual({ state: 'live' });
    expect(view.endpoints('in-dc2-0')).toHaveLength(2);
    await two.restart();
    await isLive(view, 'dc2');
  });
});

describe('https', () => {
  let dir: string;
  let server: ConsulServer;
  let https: number;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-consul-'));
    const { recipe } = servers.consul;
    const program = join((await provide('consul')).home, recipe.kind === 'go' ? recipe.program : '');
    const tool = (...args: string[]) => promisify(execFile)(program, ['tls', ...args], { cwd: dir });
    await tool('ca', 'create');
    await tool('cert', 'create', '-server', '-dc', 'dc1', '-additional-ipaddress', '127.0.0.1');
    [https, server] = await withHttps(dir);
  });
  afterAll(async () => {
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('carries a blocking query for each of 400 services on a few HTTP/2 connections, below the limit of 20', async () => {
    const load = new ConsulLoad({ url: url(server) });
    await load.register('tls', 400, 1);
    const view = watch({
      servers: [`https://127.0.0.1:${https}`],
      tls: { caFile: join(dir, 'consul-agent-ca.pem') },
      maxConnections: 24,
    });
    await isLive(view);
    expect(view.services.size).toBe(400);
    await load.put({ ...loadInstance('tls', 399, 0), weight: 7 });
    await view.until('weight 7', (v) => v.endpoints('tls-399')[0]?.weight === 7);
    expect(view.diagnostics(DC1)).toEqual([]);
    load.close();
  });

  test('doctor names an authority that is not trusted, and what plain http cannot watch', async () => {
    const https_ = { servers: [`https://127.0.0.1:${https}`] };
    expect(await complaints({ ...https_, tls: { caFile: join(dir, 'consul-agent-ca.pem') } })).toBe('');
    expect(await complaints(https_)).toMatch(/^error: .*certificate.* -> .*tls/);
    expect(await complaints({ servers: [url(server)] })).toMatch(
      /^warning: 400 services in dc1, but 128 connections over http let only \d+ .* -> .*http_max_conns_per_client/,
    );
  });
});

/** `level: what -> remedy` of each thing that is not right. */
async function complaints(settings: Readonly<Record<string, unknown>>, clock: Clock = systemClock): Promise<string> {
  const config = consulConfig.parse({ name: 'hq', kind: 'consul', ...settings });
  const deps = { clock, random: Math.random, baseDir: process.cwd() };
  const found = await doctorConsul(config.name, config, deps, new AbortController().signal);
  return found
    .filter(({ level }) => level !== 'ok')
    .map(({ level, what, remedy }) => `${level}: ${what} -> ${remedy}`)
    .join('\n');
}

async function withHttps(dir: string): Promise<[number, ConsulServer]> {
  const [http, https, grpc, rpc, lan, wan] = (await freePorts(6)) as [number, number, number, number, number, number];
  const extraConfig: NonNullable<ConsulOptions['extraConfig']> = {
    ports: { http, https, dns: -1, grpc, grpc_tls: -1, server: rpc, serf_lan: lan, serf_wan: wan },
    limits: { http_max_conns_per_client: 20 },
    tls: { https: { cert_file: join(dir, 'dc1-server-consul-0.pem'), key_file: join(dir, 'dc1-server-consul-0-key.pem') } },
  };
  return [https, await startConsul({ port: http, extraConfig })];
}

describe('ACLs', () => {
  let server: ConsulServer;
  beforeAll(async () => {
    server = await startConsul({ managementToken: RIGHT_TOKEN });
    const load = new ConsulLoad({ url: url(server), token: RIGHT_TOKEN });
    await load.register('shop', 3, 2);
    await load.register('other', 1, 1);
    load.close();
  });
  afterAll(() => server?.stop());

  const LEAST = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
  const policy = (name: string, rules: string) => agentPut(url(server), '/v1/acl/policy', { Name: name, Rules: rules });
  const setRules = async (name: string, rules: string) => {
    const found = await fetch(`${url(server)}/v1/acl/policy/name/${name}`, { headers: { 'x-consul-token': RIGHT_TOKEN } });
    const { ID } = (await found.json()) as { ID: string };
    await agentPut(url(server), `/v1/acl/policy/${ID}`, { Name: name, Rules: rules });
  };
  const token = async (name: string, secret: string) => {
    await agentPut(url(server), '/v1/acl/token', { SecretID: secret, Policies: [{ Name: name }] });
    process.env[`CONSUL_TEST_${name.toUpperCase()}`] = secret;
    return { auth: { tokenEnv: `CONSUL_TEST_${name.toUpperCase()}` } };
  };

  test('the policy of the documentation is enough: live, nothing to complain about, doctor agrees', async () => {
    const text = await readFile(join(import.meta.dirname, '../../../docs/registries/consul.md'), 'utf8');
    const documented = /```hcl\n([^]*?)```/.exec(text)?.[1] ?? '';
    expect(documented.replace(/\s+/g, ' ').trim()).toBe(LEAST);
    await policy('least', documented);
    const auth = await token('least', '6b1c1f1e-0000-4000-8000-0000000000a1');
    const view = watch({ servers: [url(server)], ...auth });
    await isLive(view);
    expect(view.services.size).toBe(4);
    expect(view.diagnostics(DC1)).toEqual([]);
    expect(await complaints({ servers: [url(server)], ...auth })).toBe('');
  });

  test('doctor names a wrong token, none, one with too few rights, a datacenter that there is not, and a clock that is off', async () => {
    const servers = [url(server)];
    process.env['CONSUL_TEST_NOBODY'] = '6b1c1f1e-0000-4000-8000-0000000000ff';
    expect(await complaints({ servers, auth: { tokenEnv: 'CONSUL_TEST_NOBODY' } })).toMatch(
      /^error: .*refuses the ACL token.* -> check that the token exists/,
    );
    expect(await complaints({ servers })).toMatch(/^error: .*lists nothing to a caller without a token.* -> set auth\.tokenFile/);
    await policy('narrow', 'service_prefix "other" { policy = "read" } node_prefix "" { policy = "read" }');
    const narrow = await token('narrow', '6b1c1f1e-0000-4000-8000-0000000000a3');
    expect(await complaints({ servers, ...narrow })).toMatch(/^warning: Consul leaves services of dc1 out.* -> .*service_prefix/);
    await policy('all', LEAST);
    const all = await token('all', '6b1c1f1e-0000-4000-8000-0000000000a4');
    expect(await complaints({ servers, datacenters: ['dc9'], ...all })).toMatch(
      /^error: .*knows no datacenter dc9 -> use one of dc1/,
    );
    const late = { now: () => systemClock.now() + 120_000 };
    expect(await complaints({ servers, ...all }, late)).toMatch(/^warning: the clock of .* is 1[12]\d s behind ours -> .*NTP/);
  });

  test('a token that loses its rights makes the scope partial or stale and takes no service away', async () => {
    await policy('fading', LEAST);
    const auth = await token('fading', '6b1c1f1e-0000-4000-8000-0000000000a2');
    const view = watch({ servers: [url(server)], wait: '2s', ...auth });
    await isLive(view);
    await setRules('fading', 'service_prefix "other" { policy = "read" } node_prefix "" { policy = "read" }');
    await view.until('not live', (v) => v.status(DC1)?.state !== 'live');
    const load = new ConsulLoad({ url: url(server), token: RIGHT_TOKEN });
    await load.put({ ...loadInstance('other', 0, 0), weight: 9 });
    load.close();
    await view.until('what it still sees changes', (v) => v.endpoints('other-0')[0]?.weight === 9);
    expect(view.services.size).toBe(4);
    expect(view.events.filter((event) => event.kind === 'remove')).toEqual([]);
    await setRules('fading', LEAST);
    await isLive(view);
    expect(view.services.size).toBe(4);
  });

  test('no token at all is partial, never a registry without services', async () => {
    const view = watch({ servers: [url(server)] });
    await view.until('partial', (v) => v.status(DC1)?.state === 'partial');
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
  });
});
