import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosServer } from '@isthmus/servers';
import { nacosConfigTexts } from './config-text.ts';
import { nacosConfigSchema } from './config.ts';
import { examineNacos } from './doctor.ts';
import { HttpClient } from './http.ts';
import { NacosSource } from './source.ts';
import { makeAuthority, makeCertificate } from './testing/certificates.ts';
import { readTls } from './tls.ts';

const id = parseSourceId('shop');
const SCOPE = { source: id, namespace: 'public', group: 'DEFAULT_GROUP' };
const auth = { username: 'reader', password: 'right-1' };
const DEADLINE = 40_000;

/** An authority and a certificate of it for this machine, and an authority that nobody has signed with. */
function makeCertificates(directory: string): void {
  for (const name of ['ca', 'other-ca']) makeAuthority(directory, name);
  makeCertificate(directory, 'server', 'DNS:nacos.shop.example,IP:127.0.0.1');
}

describe.each([
  [2, startNacos2],
  [3, startNacos3],
] as const)('a real Nacos %i that speaks TLS only, over HTTP and gRPC', (_, start) => {
  let server: NacosServer;
  let directory: string;
  const views: Collector[] = [];
  const config = (change: object = {}) =>
    nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: [`https://127.0.0.1:${server.ports.http}`],
      listInterval: '1s',
      auth: { username: auth.username, passwordEnv: 'ISTHMUS_TEST_TLS' },
      tls: { caFile: 'ca.pem' },
      ...change,
    });
  const deps = () => ({ clock: systemClock, random: () => 0.5, baseDir: directory });
  const watch = (change?: object): Collector => {
    const view = collect(new NacosSource(id, config(change), deps()));
    views.push(view);
    return view;
  };
  const stale = (view: Collector) => {
    const status = view.status(SCOPE);
    return status?.state === 'stale' ? status.cause : undefined;
  };
  const doctor = async (change?: object) => {
    const findings = await examineNacos(id, config(change), deps(), AbortSignal.timeout(DEADLINE));
    return findings.map(({ level, what, remedy = '' }) => `${level} ${what} ${remedy}`).join('\n');
  };

  beforeAll(async () => {
    process.env['ISTHMUS_TEST_TLS'] = auth.password;
    directory = await mkdtemp(join(tmpdir(), 'isthmus-nacos-tls-'));
    makeCertificates(directory);
    const tls = { certFile: join(directory, 'server.pem'), keyFile: join(directory, 'server.key') };
    server = await start({ auth, tls });
    const http = new HttpClient(1024 * 1024, () => readTls(config(), directory));
    const form = { username: auth.username, password: auth.password };
    const url = `https://127.0.0.1:${server.ports.http}/nacos/v1`;
    const signal = AbortSignal.timeout(DEADLINE);
    const login = await http.send({ method: 'POST', url: `${url}/auth/login`, form, deadlineMs: DEADLINE }, signal);
    const { accessToken } = JSON.parse(login.body.toString()) as { accessToken: string };
    const instance = { serviceName: 'orders', ip: '10.0.0.7', port: '8080', ephemeral: 'false', accessToken };
    const made = await http.send({ method: 'POST', url: `${url}/ns/instance`, form: instance, deadlineMs: DEADLINE }, signal);
    expect(made.status).toBe(200);
    http.close();
  }, 300_000);
  afterEach(() => Promise.all(views.splice(0).map((view) => view.stop())));
  afterAll(async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test.each(['grpc', 'http'])(
    'is read by %s',
    async (api) => {
      const view = watch({ api });
      await view.until('orders', (v) => v.endpoints('orders')[0]?.address === '10.0.0.7', DEADLINE);
      await view.until('live', (v) => v.status(SCOPE)?.state === 'live', DEADLINE);
    },
    120_000,
  );

  test.each([
    ['another authority', { tls: { caFile: 'other-ca.pem' } }],
    ['another name', { tls: { caFile: 'ca.pem', serverName: 'elsewhere.example' } }],
  ])(
    'that is expected to have %s is stale, and the cause says what to do',
    async (_name, change) => {
      const view = watch(change);
      await view.until('stale', (v) => /certificate|altname/i.test(stale(v) ?? ''), DEADLINE);
      expect(stale(view)).toContain('tls.caFile');
      expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    },
    120_000,
  );

  test.each(['grpc', 'http'])(
    'is stale by %s with a wrong password, never without services',
    async (api) => {
      process.env['ISTHMUS_TEST_TLS_WRONG'] = 'wrong-1';
      const view = watch({ api, auth: { username: auth.username, passwordEnv: 'ISTHMUS_TEST_TLS_WRONG' } });
      await view.until('stale', (v) => /password|login|denied|forbidden/i.test(stale(v) ?? ''), DEADLINE);
      expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
    },
    120_000,
  );

  test.each(['grpc', 'http'])(
    'gives configs by %s to who trusts its authority',
    async (api) => {
      const place = { dataIds: ['web-flow-rules'], group: 'SENTINEL_GROUP' };
      const read = (change: object) =>
        nacosConfigTexts(config({ api, ...change }), place, directory, AbortSignal.timeout(DEADLINE));
      expect(await read({})).toEqual([{ dataId: 'web-flow-rules', group: 'SENTINEL_GROUP', namespace: 'public' }]);
      await expect(read({ tls: { caFile: 'other-ca.pem' } })).rejects.toThrow(/certificate.*tls\.caFile/);
    },
    60_000,
  );

  test('doctor reads it with the certificates of the config', async () => {
    const said = await doctor();
    expect(said).toMatch(/ok login as "reader"/);
    expect(said).toMatch(/ok Nacos .* accepts gRPC connections/);
    expect(said).toMatch(/ok 1 services in public\/DEFAULT_GROUP/);
    expect(said).not.toMatch(/^error/m);
  }, 60_000);

  test('doctor says which authority is missing, which file, and that plain HTTP is none', async () => {
    expect(await doctor({ tls: { caFile: 'other-ca.pem' } })).toMatch(/^error .*certificate.*tls\.caFile/m);
    expect(await doctor({ tls: { caFile: 'nowhere.pem' } })).toMatch(
      /^error the TLS files are not usable.*nowhere\.pem.*tls\.caFile/m,
    );
    expect(await doctor({ servers: [`http://127.0.0.1:${server.ports.http}`] })).toMatch(/^error .*https/m);
  }, 60_000);
});
