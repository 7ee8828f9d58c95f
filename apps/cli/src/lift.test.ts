import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { runCli } from './testing/run-cli.ts';

const BREAKER = { errorThresholdPercentage: 50, resetTimeout: 1000, volumeThreshold: 5 };
const R4J = `resilience4j:
  timelimiter: { instances: { orders: { timeoutDuration: 1s }, pay: { timeoutDuration: 2s } } }
`;

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'isthmus-lift-'));
  writeFileSync(join(cwd, 'breaker.json'), JSON.stringify(BREAKER));
  writeFileSync(join(cwd, 'code.json'), JSON.stringify({ ...BREAKER, errorFilter: '[function]' }));
  writeFileSync(join(cwd, 'r4j.yaml'), R4J);
  writeFileSync(join(cwd, 'nothing.yaml'), 'hello: world');
});
afterAll(() => rmSync(cwd, { recursive: true }));

const lift = (...args: readonly string[]) => runCli(['lift', ...args], { cwd });

test('writes valid rules to stdout and the report to stderr', async () => {
  const { code, stdout, stderr } = await lift('-f', 'breaker.json', '--target', 'orders.mesh', '-n', 'shop');
  expect(code).toBe(0);
  const { objects, problems } = parseIstioYaml(stdout, { file: 'out', defaultNamespace: 'x' });
  expect([objects.map(({ kind, namespace }) => [kind, namespace]), problems]).toEqual([
    [['DestinationRule', 'shop'], ['VirtualService', 'shop']],
    [],
  ]); // prettier-ignore
  expect(stdout).toContain('isthmus.dev/ejection');
  expect(stderr).toMatch(/^HOST +POLICY +FIELD/);
  expect(stderr).toMatch(/orders\.mesh +opossum +errorThresholdPercentage +50 +approximate/);
});

test('ends with 1 when a field is lost, and names it, until it is accepted', async () => {
  const refused = await lift('-f', 'code.json', '--target', 'orders.mesh');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--accept errorFilter')]);
  expect(refused.stdout).toContain('DestinationRule');
  expect((await lift('-f', 'code.json', '--target', 'orders.mesh', '--accept', 'allowWarmUp')).code).toBe(1);
  expect((await lift('-f', 'code.json', '--target', 'orders.mesh', '--accept', 'errorFilter')).code).toBe(0);
  expect((await lift('-f', 'code.json', '--target', 'orders.mesh', '--accept')).code).toBe(0);
});

test('gives policies hosts by their names', async () => {
  const { code, stdout } = await lift('-f', 'r4j.yaml', '--target', 'orders=orders.eureka', '--target', 'pay=pay.eureka');
  expect(code).toBe(0);
  expect(stdout).toMatch(/orders\.eureka[^]*timeout: 1s[^]*pay\.eureka[^]*timeout: 2s/);
  const half = await lift('-f', 'r4j.yaml', '--target', 'orders=orders.eureka');
  expect([half.code, half.stdout, half.stderr]).toEqual([2, '', expect.stringContaining('pay name no host')]);
});

test('what is no policy, and policies without a host, are said with their remedy', async () => {
  expect(await lift('-f', 'nothing.yaml')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('no policy is found'),
  });
  expect(await lift('-f', 'breaker.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('--target HOST') });
});

test('replays what happened through both breakers', async () => {
  const lines = Array.from({ length: 200 }, (_, at) =>
    JSON.stringify({ at: at * 100, host: at % 2 === 0 ? 'a' : 'b', status: at % 2 === 0 ? 503 : 200 }),
  );
  writeFileSync(join(cwd, 'calls.jsonl'), lines.join('\n'));
  const { code, stderr } = await lift('-f', 'breaker.json', '--target', 'orders.mesh', '--replay', 'calls.jsonl');
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /orders\.mesh: 200 calls, 100 failed\n {2}the process: \d+ turned away, \d+ failed, opened \d+ times\n {2}the mesh: 0 turned away, \d+ to another instance/,
  );
  expect(stderr).toContain('10000 ms a ejected');
  writeFileSync(join(cwd, 'wrong.jsonl'), 'hello');
  expect(await lift('-f', 'breaker.json', '--target', 'a.mesh', '--replay', 'wrong.jsonl')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('wrong.jsonl: line 1'),
  });
});

test('reads stdin, and reports as JSON', async () => {
  const stdin = (async function* (): AsyncGenerator<Uint8Array> { yield Buffer.from(JSON.stringify(BREAKER)); })(); // prettier-ignore
  const { code, stderr } = await runCli(['lift', '-f', '-', '--target', 'a.mesh', '--report', 'json'], { cwd, stdin });
  expect(code).toBe(0);
  expect(JSON.parse(stderr)).toMatchObject({
    hosts: [
      { host: 'a.mesh', fields: expect.arrayContaining([expect.objectContaining({ field: 'volumeThreshold', value: 5 })]) },
    ],
  });
});
