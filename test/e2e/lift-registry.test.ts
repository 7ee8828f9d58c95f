import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { freePorts, startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { startCli } from './support/cli.ts';

const auth = { username: 'nacos', password: 'right-1' };
/** May read one namespace, as docs/registries/nacos.md has it (Rights). */
const reader = { username: 'bridge', password: 'right-2' };
const FLOW = [{ resource: 'stock', grade: 0, count: 20, limitApp: 'default' }];
const DEGRADE = [{ resource: 'stock', grade: 1, count: 0.5, timeWindow: 10, minRequestAmount: 8 }];

/** How users and configs are made by their own APIs. */
const ACCOUNTS = {
  2: { auth: '/nacos/v1/auth', users: '/users', login: '/login', roles: '/roles', permissions: '/permissions' },
  3: { auth: '/nacos/v3/auth', users: '/user', login: '/user/login', roles: '/role', permissions: '/permission' },
} as const;
const CONFIGS = {
  2: { publish: '/nacos/v1/cs/configs', group: 'group', readsPublic: ':*:*' },
  3: { publish: '/nacos/v3/admin/cs/config', group: 'groupName', readsPublic: 'public:*:*' },
} as const;

describe.each([
  [2, startNacos2, {}],
  // Without the APIs of Nacos 1: as newer ones are out of the box.
  [3, startNacos3, { 'nacos.core.api.compatibility.client.enabled': 'false' }],
] as const)('isthmus lift, of Sentinel rules that a real Nacos %i with authentication keeps', (generation, start, properties) => {
  let server: NacosServer;
  let cwd: string;

  const lift = (registry: string, ...args: readonly string[]) => {
    const env = { RIGHT: reader.password, WRONG: 'wrong' };
    return startCli(['lift', '--registry', registry, '--target', 'stock.shop', '--accept', ...args], { cwd, env }).ended;
  };

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'isthmus-lift-'));
    server = await start({ auth, properties });
    const { publish, group, readsPublic } = CONFIGS[generation];
    const accounts = ACCOUNTS[generation];
    const post = async (path: string, form: Record<string, string>) => {
      const answer = await fetch(`http://127.0.0.1:${server.ports.http}${path}`, {
        method: 'POST',
        body: new URLSearchParams(form),
      });
      expect([path, answer.status]).toEqual([path, 200]);
      return answer.text();
    };
    const { accessToken } = JSON.parse(await post(`${accounts.auth}${accounts.login}`, auth)) as { accessToken: string };
    const signed = (path: string, form: Record<string, string>) => post(`${path}?accessToken=${accessToken}`, form);
    const role = 'reader';
    await signed(`${accounts.auth}${accounts.users}`, reader);
    await signed(`${accounts.auth}${accounts.roles}`, { role, username: reader.username });
    await signed(`${accounts.auth}${accounts.permissions}`, { role, resource: readsPublic, action: 'r' });
    for (const [dataId, rules] of Object.entries({
      'web-flow-rules': FLOW,
      'web-degrade-rules': DEGRADE,
      'half-flow-rules': FLOW,
    }))
      await signed(publish, { dataId, [group]: 'SENTINEL_GROUP', content: JSON.stringify(rules) });
    const [nobody] = await freePorts(1);
    const at = (port: number | undefined) => ({ kind: 'nacos', servers: [`http://127.0.0.1:${port}`] });
    const account = (passwordEnv: string) => ({ auth: { username: reader.username, passwordEnv } });
    const config = {
      version: 1,
      meshId: 'test',
      registries: [
        { name: 'shop', ...at(server.ports.http), ...account('RIGHT') },
        { name: 'http', ...at(server.ports.http), ...account('RIGHT'), api: 'http' },
        { name: 'stranger', ...at(server.ports.http), ...account('WRONG') },
        { name: 'away', ...at(nobody), ...account('RIGHT') },
        { name: 'own', kind: 'file', path: 'own.yaml' },
      ],
    };
    await writeFile(join(cwd, 'isthmus.yaml'), stringify(config));
    await writeFile(join(cwd, 'rules.json'), JSON.stringify([...FLOW, ...DEGRADE]));
  }, 300_000);

  afterAll(async () => {
    await server?.stop();
    await rm(cwd, { recursive: true, force: true });
  }, 60_000);

  test.each(['shop', 'http'])(
    'makes rules of them, over what the registry %s is read by',
    async (registry) => {
      const file = await startCli(['lift', '-f', 'rules.json', '--target', 'stock.shop', '--accept'], { cwd }).ended;
      const { code, stdout, stderr } = await lift(registry, '--app', 'web');
      expect([code, stdout]).toEqual([0, file.stdout]);
      expect(stderr).toBe(
        `${registry}: web-flow-rules in public/SENTINEL_GROUP read, 1 rule\n${registry}: web-degrade-rules in public/SENTINEL_GROUP read, 1 rule\n${file.stderr}`,
      );
      const { objects } = parseIstioYaml(stdout, { file: 'out', defaultNamespace: 'x' });
      expect(objects.find(({ kind }) => kind === 'DestinationRule')).toMatchObject({ name: expect.any(String) });
      expect(stdout).toContain('http2MaxRequests: 20');
    },
    120_000,
  );

  test.each(['shop', 'http'])(
    'names a config that is not there (%s)',
    async (registry) => {
      const half = await lift(registry, '--app', 'half');
      expect(half).toMatchObject({ code: 0, stdout: expect.stringContaining('http2MaxRequests: 20') });
      expect(half.stderr).toContain(`${registry}: half-degrade-rules in public/SENTINEL_GROUP is not there\n`);
      const none = await lift(registry, '--data-id', 'web-flow-rules', '--group', 'OTHER', '--config-namespace', 'public');
      expect(none).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('web-flow-rules in public/OTHER is not there'),
      });
    },
    120_000,
  );

  test.each(['shop', 'http'])(
    'says that rights on another namespace are missing, and which (%s)',
    async (registry) => {
      const { code, stderr } = await lift(registry, '--app', 'web', '--config-namespace', 'dev');
      expect([code, stderr]).toEqual([1, expect.stringMatching(/403.*Try: .*read permission on the namespace/)]);
    },
    120_000,
  );

  test.each([
    ['stranger', /^isthmus: login as "bridge" .* was refused.*Try: check auth\.username and the password/],
    ['away', /^isthmus: no configs came from http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*Try: check servers.*isthmus doctor/],
    ['own', /^isthmus: own of isthmus\.yaml is file, which keeps no configs\. Try: it has shop, http/],
    ['nobody', /^isthmus: isthmus\.yaml has no registry "nobody"\. Try: it has shop, http/],
  ])(
    'of the registry %s says what is wrong and what to do',
    async (registry, says) => {
      const { code, stdout, stderr } = await lift(registry, '--app', 'web');
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(says);
    },
    120_000,
  );
});
