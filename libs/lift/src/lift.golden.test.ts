import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { stringify } from 'yaml';
import { liftHosts, lossyFields } from './join-policies.ts';
import { readPolicies } from './read-policies.ts';
import { rulesOf } from './write-rules.ts';

// testdata/in/<file> -> testdata/out/<file>.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('../testdata/in/', import.meta.url);
const output = new URL('../testdata/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const files = readdirSync(input).sort();

if (update) {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(output)) if (!files.includes(file.replace(/\.yaml$/, ''))) rmSync(new URL(file, output));
}

test.each(files)('%s becomes the rules and the report that are on file, and the rules are valid', (file) => {
  const read = readPolicies(readFileSync(new URL(file, input), 'utf8'));
  if (!read.ok) throw new Error(`${read.what}; ${read.remedy}`);
  const policies = read.policies.map((policy) => ({ host: `${policy.name.toLowerCase()}.mesh`, ...policy }));
  const { hosts, homeless } = liftHosts(policies);
  const documents = hosts.map((host) => ({
    host: host.host,
    rules: rulesOf(host, 'shop').map(({ kind, metadata: { annotations }, spec }) => ({ kind, annotations, spec })),
    report: host.fields.map(({ policy, field, value, fidelity, to, how }) => ({ policy, field, value, fidelity, ...(to === undefined ? {} : { to }), how })), // prettier-ignore
  }));
  const text = stringify(
    { hosts: documents, homeless, stopsPromotion: lossyFields(policies, ['timeout', 'retry', 'circuitBreaking']) },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  const golden = new URL(`${file}.yaml`, output);
  if (update) writeFileSync(golden, text);
  expect(existsSync(golden)).toBe(true);
  expect(text).toBe(readFileSync(golden, 'utf8'));
  const yaml = hosts.flatMap((host) => rulesOf(host, 'shop')).map((rule) => stringify(rule)).join('---\n'); // prettier-ignore
  expect(parseIstioYaml(yaml, { file, defaultNamespace: 'shop' }).problems).toEqual([]);
});

test('what is no policy is refused with what can be read', () => {
  expect(readPolicies('hello')).toMatchObject({
    ok: false,
    what: 'no policy is found in it',
    remedy: expect.stringContaining('opossum'),
  });
  expect(readPolicies('a: [')).toMatchObject({ ok: false, what: expect.stringContaining('neither YAML nor JSON') });
  expect(readPolicies('a: &a [1]\nb: *a')).toMatchObject({ ok: false });
  expect(readPolicies(' '.repeat(1024 * 1024 + 1))).toMatchObject({ ok: false, what: expect.stringContaining('characters') });
});

test('a policy that names no host has none, unless one is given', () => {
  const read = readPolicies('{ "errorThresholdPercentage": 50, "resetTimeout": 1000 }');
  if (!read.ok) throw new Error(read.what);
  expect(liftHosts(read.policies).homeless).toEqual(['opossum']);
  expect(liftHosts(read.policies, 'orders.mesh').hosts.map(({ host }) => host)).toEqual(['orders.mesh']);
});

test('only what the plan hands over stops it', () => {
  const policies = [
    { library: 'opossum', version: '', name: 'o', policy: 'circuitBreaking' as const, options: { errorFilter: '[function]' } },
    { library: 'axios-retry', version: '', name: 'r', policy: 'retry' as const, options: { retryDelay: '[function]' } },
  ];
  expect(lossyFields(policies, ['retry', 'circuitBreaking'])).toEqual([
    'errorFilter of opossum o',
    'retryDelay of axios-retry r',
  ]);
  expect(lossyFields(policies, ['retry'])).toEqual(['retryDelay of axios-retry r']);
  expect(lossyFields(policies, ['timeout'])).toEqual([]);
});
