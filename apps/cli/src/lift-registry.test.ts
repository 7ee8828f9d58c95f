import { expect, test } from '@jest/globals';
import { runCli } from './testing/run-cli.ts';

const PLACE = { group: 'SENTINEL_GROUP', namespace: 'public' };
const DEGRADE = [{ resource: 'stock', grade: 1, count: 0.5, timeWindow: 10 }];
const FLOW = [{ resource: 'stock', grade: 0, count: 20 }];

/** The command, and how it asked the bridge's program, which answers `items`. */
async function lift(items: readonly object[] | string, ...args: readonly string[]) {
  const asked: string[] = [];
  const outcome = await runCli(['lift', '--registry', 'shop', ...args], {
    ask: (app, rest) => {
      asked.push([app, ...rest].join(' '));
      if (typeof items === 'string') return Promise.resolve({ code: 1, stdout: '', stderr: `${items}\n` });
      return Promise.resolve({ code: 0, stdout: JSON.stringify({ items }), stderr: '' });
    },
  });
  return { ...outcome, asked };
}

const config = (dataId: string, rules?: unknown) => ({
  dataId,
  ...PLACE,
  ...(rules === undefined ? {} : { content: JSON.stringify(rules) }),
});

test('lifts the rules of an application as if their files had been given', async () => {
  const items = [config('web-flow-rules', FLOW), config('web-degrade-rules', DEGRADE)];
  const { code, stdout, stderr, asked } = await lift(items, '--app', 'web', '--target', 'stock.shop', '--accept');
  expect([code, asked]).toEqual([
    0,
    [
      'bridge configs -c isthmus.yaml --registry shop --group SENTINEL_GROUP --data-id web-flow-rules --data-id web-degrade-rules',
    ],
  ]);
  const stdin = async function* (): AsyncGenerator<Uint8Array> { yield Buffer.from(JSON.stringify([...FLOW, ...DEGRADE])); }; // prettier-ignore
  const file = await runCli(['lift', '-f', '-', '--target', 'stock.shop', '--accept'], { stdin: stdin() });
  expect(stdout).toBe(file.stdout);
  expect(stdout).toMatch(/http2MaxRequests: 20[^]*baseEjectionTime: 10s/);
  expect(stderr).toBe(
    `shop: web-flow-rules in public/SENTINEL_GROUP read, 1 rule\nshop: web-degrade-rules in public/SENTINEL_GROUP read, 1 rule\n${file.stderr}`,
  );
});

test('names a config that is not there, or has no rules, and lifts the others', async () => {
  const items = [config('web-flow-rules'), config('web-degrade-rules', DEGRADE), config('more', [])];
  const args = ['--app', 'web', '--target', 'stock.shop', '--accept'];
  const { code, stdout, stderr } = await lift(items, ...args);
  expect([code, stdout]).toEqual([0, expect.stringContaining('baseEjectionTime: 10s')]);
  expect(stderr).toContain('shop: web-flow-rules in public/SENTINEL_GROUP is not there\n');
  expect(stderr).toContain('shop: more in public/SENTINEL_GROUP has no rules\n');
  const { configs } = JSON.parse((await lift(items, ...args, '--report', 'json')).stderr) as { configs: unknown };
  expect(configs).toMatchObject([
    { dataId: 'web-flow-rules', found: 'missing' },
    { found: 'rules', policies: 1 },
    { found: 'empty' },
  ]);
});

test('asks for other data ids, group and namespace where they are named', async () => {
  const place = ['-c', 'x.yaml', '--group', 'RULES', '--config-namespace', 'dev', '--data-id', 'a', 'b'];
  const { asked } = await lift([config('a', DEGRADE)], ...place, '--target', 'stock.shop', '--accept');
  expect(asked).toEqual(['bridge configs -c x.yaml --registry shop --group RULES --namespace dev --data-id a --data-id b']);
});

test('ends with 1 when nothing is there, when it cannot be read, and when the registry cannot be asked', async () => {
  const args = ['--app', 'web', '--target', 'stock.shop'];
  const none = await lift([config('web-flow-rules'), config('web-degrade-rules', [])], ...args);
  expect(none).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/web-flow-rules .* is not there\n.*--data-id/s),
  });
  const odd = await lift([config('web-flow-rules', { hello: 'world' })], ...args);
  expect(odd).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('web-flow-rules in public/SENTINEL_GROUP: no policy is found'),
  });
  const refused = await lift('login as "bridge" was refused', ...args);
  expect(refused).toMatchObject({ code: 1, stdout: '', stderr: 'isthmus: login as "bridge" was refused\n' });
});

test.each([
  ['neither a file nor a registry', ['lift', '--target', 'a.mesh'], '--registry ID --app NAME'],
  ['a registry without an application', ['lift', '--registry', 'shop'], '--registry needs --app NAME'],
  ['both', ['lift', '-f', 'x', '--registry', 'shop', '--app', 'web'], 'cannot be used with'],
  ['a group of a file', ['lift', '-f', 'x', '--group', 'RULES'], 'cannot be used with'],
])('%s is wrong usage', async (_, args, says) => {
  expect(await runCli(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
});
