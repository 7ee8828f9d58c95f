import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { runCli } from './testing/run-cli.ts';

const INGRESS = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { example.com/a: b } }
spec:
  rules:
    - host: shop.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
`;

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'isthmus-convert-'));
  writeFileSync(join(cwd, 'ingress.yaml'), INGRESS);
  writeFileSync(join(cwd, 'wrong.yaml'), INGRESS.replace('number: 80', 'number: "\\u001b[31m"'));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

async function* piped(text: string): AsyncGenerator<Uint8Array> {
  for (const piece of text.split(/(?<=\n)/)) yield Buffer.from(piece);
}

test('an Ingress becomes objects on stdout, and what is lost is said on stderr at its place', async () => {
  const { code, stdout, stderr } = await runCli(['convert', 'ingress', '-f', 'ingress.yaml', '-n', 'shop'], { cwd });
  expect(code).toBe(0);
  const { objects, problems } = parseIstioYaml(stdout, { file: 'out.yaml', defaultNamespace: 'default' });
  expect(problems).toEqual([]);
  expect(objects.map(({ kind, namespace }) => `${kind} ${namespace}`)).toEqual(['Gateway istio-system', 'VirtualService shop']);
  expect(stdout).toContain('host: web.shop.svc.cluster.local');
  expect(stderr).toMatch(/^ingress\.yaml:3:\d+: warning: Ingress shop\/web: metadata\.annotations\."example\.com\/a" is not/);
});

test('stdin gives the same as the file', async () => {
  const fromFile = await runCli(['convert', 'ingress', '-f', 'ingress.yaml'], { cwd });
  const fromPipe = await runCli(['convert', 'ingress', '-f', '-'], { cwd, stdin: piped(INGRESS) });
  expect([fromPipe.code, fromPipe.stdout]).toEqual([0, fromFile.stdout]);
  expect(fromPipe.stderr).toMatch(/^stdin:3:/);
});

test('what is wrong is said with exit code 1 and nothing on stdout, without control characters', async () => {
  const { code, stdout, stderr } = await runCli(['convert', 'ingress', '-f', 'wrong.yaml'], { cwd });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('wrong.yaml:7:');
  expect(stderr).not.toContain('\u001b');
});

test('an endless stdin is refused instead of read', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 1;
      yield Buffer.alloc(1024 * 1024, '#');
    }
  }
  const { code, stderr } = await runCli(['convert', 'ingress', '-f', '-'], { stdin: endless() });
  expect([code, read]).toEqual([1, 5]);
  expect(stderr).toContain('the most is');
});
