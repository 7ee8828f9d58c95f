import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fakeControl } from './testing/fake-control.ts';
import type { FakeControl } from './testing/fake-control.ts';
import { NODE } from './testing/bad-night/mesh.ts';
import { badNight } from './testing/fixtures.ts';
import { runCli } from './testing/run-cli.ts';

const GOLDENS = join(import.meta.dirname, 'testdata/out');
const update = process.env['UPDATE_GOLDENS'] === '1';

/** Name of the golden, and the command line. Each golden is what a user sees: both streams and the exit code. */
const CASES: readonly (readonly [string, string])[] = [
  ['get-sources', 'get sources'],
  ['get-sources-name', 'get sources hq -o yaml'],
  ['get-sources-unknown', 'get sources nobody'],
  ['get-services', 'get services'],
  ['get-services-name', 'get services orders.default-group.public.nacos'],
  ['get-services-name-json', 'get services orders.default-group.public.nacos -o json'],
  ['get-services-unknown', 'get services nobody'],
  ['get-endpoints', 'get endpoints'],
  ['get-endpoints-part', 'get endpoints orders'],
  ['get-endpoints-unknown', 'get endpoints nobody'],
  ['get-conflicts', 'get conflicts'],
  ['get-held', 'get held'],
  ['get-corrections', 'get corrections'],
  ['get-agents', 'get agents'],
  ['get-agents-name', 'get agents web'],
  ['get-proxies', 'get proxies'],
  ['get-policies', 'get policies'],
  ['get-policies-service', 'get policies web'],
  ['get-policies-host-yaml', 'get policies stock.shop -o yaml'],
  ['get-policies-unknown', 'get policies nobody'],
  ['get-publications', 'get publications'],
  ['get-publications-name', 'get publications monolith -o yaml'],
  ['get-replica', 'get replica'],
  ['get-diagnostics', 'get diagnostics'],
  ['get-diagnostics-code', 'get diagnostics weight.invalid -o yaml'],
  ['explain-host', 'explain orders.default-group.public.nacos'],
  ['explain-address', 'explain [fd00::7]:8080'],
  ['explain-stale', 'explain 10.1.0.22'],
  ['explain-two-claims', 'explain payments.mesh'],
  ['explain-several', 'explain orders'],
  ['explain-nothing', 'explain orders.nowhere'],
  ['explain-nothing-address', 'explain 10.9.9.9'],
  ['explain-nothing-json', 'explain 10.9.9.9 -o json'],
  ['diff', 'diff'],
  ['diff-same', 'diff orders'],
  ['diff-unknown', 'diff nobody'],
  ['diff-shadow', 'diff users'],
  ['diff-json', 'diff -o json'],
  ['export-istio', 'export'],
  ['export-json', 'export --format json'],
  ['export-publications', 'export --format publications'],
  ['proxy-status', 'proxy status'],
  ['proxy-status-unknown', 'proxy status nobody'],
  ['proxy-config', `proxy config ${NODE}`],
  ['proxy-config-unknown', 'proxy config nobody'],
];

describe('commands that read, on a mesh that has a bad night', () => {
  let control: FakeControl;
  beforeAll(async () => {
    control = await fakeControl(badNight);
  });
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
  });

  test('every golden has its case', () => {
    const names = CASES.map(([name]) => `${name}.txt`);
    for (const orphan of readdirSync(GOLDENS).filter((name) => name.endsWith('.txt') && !names.includes(name))) {
      if (update) rmSync(join(GOLDENS, orphan));
      else throw new Error(`${orphan} has no case; UPDATE_GOLDENS=1 removes it`);
    }
  });

  test.each(CASES)('%s is printed as its golden says', async (name, line) => {
    const { code, stdout, stderr } = await runCli([...line.split(' '), '--control', control.url]);
    const got = `$ isthmus ${line}\n--- stdout\n${stdout}--- stderr\n${stderr}--- exit code ${code}\n`;
    const golden = join(GOLDENS, `${name}.txt`);
    if (update) writeFileSync(golden, got);
    expect(got).toBe(readFileSync(golden, 'utf8'));
  });

  test('no control character of a registry or proxy reaches the terminal', () => {
    for (const [name] of CASES) {
      // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
      expect(readFileSync(join(GOLDENS, `${name}.txt`), 'utf8')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
  });
});
