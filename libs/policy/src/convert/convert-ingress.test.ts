import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { formatProblem } from '@isthmus/config';
import { parseAllDocuments, stringify } from 'yaml';
import { parseIstioYaml } from '../load/parse-istio-yaml.ts';
import { convertIngress } from './convert-ingress.ts';

// testdata/in/<case>.yaml -> testdata/out/<case>.yaml; UPDATE_GOLDENS=1 writes them and deletes orphans.
const input = new URL('testdata/in/', import.meta.url);
const output = new URL('testdata/out/', import.meta.url);
const update = process.env['UPDATE_GOLDENS'] === '1';
const cases = readdirSync(input);

if (update) for (const file of readdirSync(output)) if (!cases.includes(file)) rmSync(new URL(file, output));

const convert = (file: string, text: Uint8Array) =>
  convertIngress(text, { file, defaultNamespace: 'default', domain: 'cluster.local' });

test.each(cases)('%s becomes the objects and problems that are on file', (file) => {
  const { objects, problems } = convert(file, readFileSync(new URL(file, input)));
  const said = problems.map((problem) => `${problem.severity} ${formatProblem(problem)}`);
  const text = stringify({ problems: said, objects }, { lineWidth: 0, aliasDuplicateObjects: false });
  const golden = new URL(file, output);
  if (update) writeFileSync(golden, text);
  expect(existsSync(golden)).toBe(true);
  expect(text).toBe(readFileSync(golden, 'utf8'));
});

test('no golden is without its input', () => {
  expect(readdirSync(output).sort()).toEqual([...cases].sort());
});

test.each(cases)('what %s becomes is valid', (file) => {
  const { objects, problems } = convert(file, readFileSync(new URL(file, input)));
  const text = objects.map((object) => stringify(object)).join('---\n');
  const parsed = parseIstioYaml(text, { file: 'out.yaml', defaultNamespace: 'default' });
  expect(parsed.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(parsed.objects.length > 0).toBe(problems.every(({ severity }) => severity === 'warning'));
});

test('every problem has its place in the text', () => {
  const text = readFileSync(new URL('wrong.yaml', input), 'utf8');
  const { problems } = convert('wrong.yaml', Buffer.from(text));
  expect(problems.length).toBeGreaterThan(15);
  expect(parseAllDocuments(text)).toHaveLength(3);
  for (const { line, column } of problems)
    expect([line > 1 || column > 1, line <= text.split('\n').length]).toEqual([true, true]);
});

test('a name that grows too long is said instead of written', () => {
  const name = 'a'.repeat(250);
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const rules = [{ host: 'a.test', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }];
  const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name }, spec: { rules } };
  const { objects, problems } = convert('a.yaml', Buffer.from(JSON.stringify(ingress)));
  expect(objects).toEqual([]);
  expect(problems.map(({ what }) => what).join()).toContain('metadata.name');
});
