import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { nacosConfigSchema } from './config.ts';
import { examineNacos } from './doctor.ts';
import { FakeNacos } from './testing/fake-nacos.ts';
import type { FakeNacosOptions } from './testing/fake-nacos.ts';

const fakes: FakeNacos[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.down();
});

async function examine(options: FakeNacosOptions, config: Record<string, unknown> = {}, change?: (fake: FakeNacos) => unknown) {
  const fake = await FakeNacos.start(options);
  fakes.push(fake);
  fake.set({ namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' }, [{ ip: '10.0.0.1', port: 80 }]);
  await change?.(fake);
  const parsed = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [fake.url], ...config });
  const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
  return await examineNacos(parseSourceId('shop'), parsed, deps, new AbortController().signal);
}

const said = (findings: Awaited<ReturnType<typeof examine>>) => findings.map(({ level, what }) => `${level}: ${what}`).join('\n');
const auth = { username: 'reader', password: 'right' };

describe('doctor of a Nacos registry', () => {
  test('names version, login and what each group holds', async () => {
    process.env['ISTHMUS_TEST_RIGHT'] = 'right';
    const findings = await examine({ auth }, { auth: { username: 'reader', passwordEnv: 'ISTHMUS_TEST_RIGHT' } });
    expect(said(findings)).toMatch(/login as "reader" .* works/);
    expect(said(findings)).toMatch(/Nacos 2\.3\.2 at .* accepts gRPC/);
    expect(said(findings)).toMatch(/ok: 1 services in public\/DEFAULT_GROUP/);
  });

  test('says that the password is wrong', async () => {
    process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
    const findings = await examine({ auth }, { auth: { username: 'reader', passwordEnv: 'ISTHMUS_TEST_WRONG' } });
    expect(said(findings)).toMatch(/error: .*login as "reader" .* was refused/);
  });

  test('says that rights are missing, with the resource to give', async () => {
    const findings = await examine({ auth });
    expect(said(findings)).toMatch(/error: public\/DEFAULT_GROUP: .*403/);
    expect(findings.find(({ level }) => level === 'error')?.remedy).toContain('public:*:*');
  });

  test('says that a namespace or group has nothing', async () => {
    const findings = await examine({}, { namespaces: ['Public'], groups: ['SHOP'] });
    expect(said(findings)).toMatch(/warning: 0 services in Public\/SHOP/);
  });

  test('says that groups cannot be listed', async () => {
    expect(said(await examine({ catalog: false }))).toMatch(/warning: the groups of namespace public cannot be listed/);
  });

  test('tells a Nacos 1 from a closed gRPC port', async () => {
    expect(said(await examine({ httpOnly: true }))).toMatch(/warning: Nacos 1\.4\.7 .* not over gRPC/);
    expect(said(await examine({ httpOnly: true }, { api: 'grpc' }))).toMatch(/error: Nacos 1\.4\.7 .* not over gRPC/);
    expect(said(await examine({ httpOnly: true }, { api: 'http' }))).toMatch(/ok: Nacos 1\.4\.7 .* over HTTP as configured/);
  });

  test('says that the v1 API, which api: http needs, is switched off', async () => {
    const server = createServer((request, response) => {
      const v1 = request.url?.includes('/v1/') === true;
      response.writeHead(v1 ? 410 : 200).end(v1 ? '' : '{"data":{"version":"3.1.0"}}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const servers = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
    const findings = await examine({}, { servers, api: 'http' });
    server.close();
    expect(said(findings)).toMatch(/error: Nacos 3\.1\.0 at \S+ has its v1 API switched off/);
    expect(findings.find(({ level }) => level === 'error')?.remedy).toContain('api: auto');
  });

  test('says that nothing answers', async () => {
    const findings = await examine({}, {}, (fake) => fake.down());
    expect(findings).toHaveLength(1);
    expect(said(findings)).toMatch(/error: .*ECONNREFUSED/);
  });

  test('is not misled by a server that hangs', async () => {
    const findings = await examine({}, {}, (fake) => fake.hang());
    expect(said(findings)).toMatch(/error: .*not answered within/);
  }, 15_000);
});
