import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MeshObject } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { provide, servers } from '@isthmus/servers';
import fc from 'fast-check';
import { istioJudgements } from './istio-validator.ts';

const SEED = Number(process.env['ISTHMUS_SEED'] ?? 20_261_122);
/** The oldest and the newest that are supported: since 1.40 they match bytes. */
const VERSIONS = ['1.36.4', '1.40.0'] as const;
/** As Istio's bootstrap and `proxy bootstrap` have it. */
const MOST_STEPS = 32_768;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-regex-'));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

const rule = (regex: string): MeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'a', namespace: 'shop', labels: {}, annotations: {} },
  spec: { hosts: ['orders'], http: [{ match: [{ uri: { regex } }], route: [{ destination: { host: 'orders' } }] }] },
});

function problemOf(regex: string): string | undefined {
  return parseIstioYaml(JSON.stringify(rule(regex)), { file: 'a.yaml', defaultNamespace: 'shop' }).problems[0]?.what;
}

/** What a real Envoy says of routes with these expressions: OK, or why not. */
async function envoySays(expressions: readonly string[], version: string = VERSIONS[1]): Promise<string> {
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const routes = expressions.map((regex) => ({ match: { safe_regex: { regex } }, direct_response: { status: 200 } }));
  const http = {
    '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'http',
    route_config: { name: 'local', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'router', typed_config: { '@type': type('http.router.v3.Router') } }],
  };
  const layer = { 're2.max_program_size.error_level': MOST_STEPS };
  const bootstrap = {
    static_resources: {
      listeners: [
        {
          name: 'l',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [{ filters: [{ name: 'http', typed_config: http }] }],
        },
      ],
    },
    layered_runtime: { layers: [{ name: 'static', static_layer: layer }] },
  };
  const file = join(dir, 'envoy.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const { home } = await provide('envoy', { version });
  const { recipe } = servers.envoy;
  if (recipe.kind !== 'wheel') throw new Error('envoy is not a wheel');
  const args = ['--mode', 'validate', '-c', file, '--log-level', 'warning'];
  const run = promisify(execFile)(join(home, recipe.program), args, { maxBuffer: 64 * 1024 * 1024 });
  const { stdout, stderr } = await run.catch((cause: { stdout: string; stderr: string }) => cause);
  return stdout + stderr;
}

test.each([
  ['a character above a byte', 'a\\x{100}', 'invalid escape sequence'],
  ['a range of such', '[a-\\x{10FFFF}]', 'invalid escape sequence'],
  ['a program of 35,004 steps', '(abcdefghijklmnopqrstuvwxyz0123456){1000}', 'program size of 35004'],
])(
  '%s is taken by Istio and refused by Envoy: we refuse it',
  async (_, regex, reason) => {
    expect(await istioJudgements([rule(regex)])).toMatchObject([{ error: '', crd: '' }]);
    expect(await envoySays([regex])).toContain(reason);
    expect(problemOf(regex)).toBeDefined();
  },
  600_000,
); // the validator may have to be built first

const atom = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', 'k', '0', '-', 'é', '日', '\\.', '\\x41') }),
  fc.constantFrom('[a-z]', '[a-zA-Z0-9_]', '[acegik]', '[^a-f]', '[é-ü]', '[[:alnum:]]', '[\\w.-]', '[^[:space:]x]', '[\\pL\\d]'),
  fc.constantFrom('\\d', '\\W', '\\s', '\\pL', '\\PN', '\\p{Lu}', '.', '^', '\\b', '\\Qa.b\\E', '(?i)', '(?i:ab)'),
);
const { regex: random } = fc.letrec<{ regex: string; part: string }>((tie) => ({
  regex: fc.oneof(
    { depthSize: 'small' },
    fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  ),
  part: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    atom,
    fc.tuple(atom, fc.constantFrom('*', '+', '?', '+?', '{3}', '{2,5}', '{40}', '{3,}', '{1000}')).map((both) => both.join('')),
    fc
      .tuple(
        fc.constantFrom('(', '(?:'),
        fc.array(tie('regex'), { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '*', '{7}', '{30}', '{1000}'),
      )
      .map(([open, parts, times]) => `${open}${parts.join('|')})${times}`),
  ),
}));

test(`what we take Envoy takes, the oldest and the newest (ISTHMUS_SEED=${SEED})`, async () => {
  const expressions = [...new Set(fc.sample(random, { seed: SEED, numRuns: 4_000 }))].filter((one) => one.length < 1_000);
  const verdicts = expressions.map((regex) => ({ regex, problem: problemOf(regex) }));
  const taken = verdicts.filter(({ problem }) => problem === undefined).map(({ regex }) => regex);
  const large = verdicts.filter(({ problem }) => problem?.includes('steps') === true);
  expect([taken.length > 300, large.length > 20]).toEqual([true, true]);
  for (const version of VERSIONS)
    expect([version, await envoySays(taken, version)]).toEqual([version, expect.stringContaining('OK')]);
}, 300_000);

// The size is an estimate that counts too much: by little enough for what people write.
test.each([
  '[a-z0-9._%+-]{1,64}@([a-z0-9-]{1,63}\\.){1,8}[a-z]{2,24}',
  '/[^/]{1,200}/(orders|carts|payments)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  '.{1000}',
  '\\pL{20}',
  `/(${Array.from({ length: 120 }, (_, n) => `code${n}`).join('|')})`,
])('%s is not too large', (regex) => {
  expect(problemOf(regex)).toBeUndefined();
});
