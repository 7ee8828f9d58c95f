import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { satisfies } from 'semver';

const ROOT = join(import.meta.dirname, '../../../..');

export type Modules = 'cjs' | 'mjs';

export interface MatrixClient {
  readonly id: string;
  /** What run.cjs does with it. */
  readonly kind: string;
  /** A package of the application; none for what Node has. */
  readonly module?: string;
  /** Where its packages are looked for, when not in the project's own `node_modules`. */
  readonly folder?: string;
}

interface Candidate extends MatrixClient {
  /** Of packages whose `engines` decide, beside `module`. */
  readonly packages?: readonly string[];
  /** What Node itself has says of itself since when. */
  readonly engines?: string;
}

export interface Cell {
  readonly clients: readonly MatrixClient[];
  /** What may not be there, with who says so. */
  readonly refused: readonly { readonly id: string; readonly why: string }[];
}

/** `require` of an ES module, without a flag: nodejs.org, "Loading ECMAScript modules using require()". */
const REQUIRES_ESM = '^20.19 || >=22.12';

const own = (kind: string, ...modules: readonly (readonly [string, string])[]): readonly Candidate[] =>
  modules.map(([id, module]) => ({ id, kind, module }));

const nest = (major: number, folder: string): readonly Candidate[] =>
  (['target', 'http', 'grpc'] as const).map((of) => ({
    id: `nest-${major}-${of}`,
    kind: `nest ${of}`,
    folder,
    packages: ['common', 'core', 'axios', 'microservices'].map((name) => `@nestjs/${name}`),
  }));

/** The majors that are in use. */
const CALLERS: readonly Candidate[] = [
  { id: 'http', kind: 'http', engines: '>=16' },
  { id: 'http-agent', kind: 'http with an agent', engines: '>=16' },
  { id: 'fetch', kind: 'fetch', engines: '>=18' },
  ...own('axios', ['axios-1', 'axios']),
  ...own('got', ['got-16', 'got']),
  ...own('node-fetch', ['node-fetch-2', 'node-fetch']),
  ...own('superagent', ['superagent-10', 'superagent']),
  ...own('agentkeepalive', ['agentkeepalive-4', 'agentkeepalive']),
  ...['undici-5', 'undici-6', 'undici-7', 'undici'].flatMap((module, at): readonly Candidate[] => [
    { id: `undici-${at + 5}-global`, kind: 'undici', module },
    { id: `undici-${at + 5}-own`, kind: 'undici with a dispatcher', module },
  ]),
  ...own('opossum', ['opossum-8', 'opossum'], ['opossum-9', 'opossum-9'], ['opossum-10', 'opossum-10']),
  ...own('cockatiel', ['cockatiel-3', 'cockatiel-3'], ['cockatiel-4', 'cockatiel-4']),
  ...own(
    'grpc',
    ['grpc-js-1-8', 'grpc-js-1.8'],
    ['grpc-js-1-12', 'grpc-js-1.12'],
    ['grpc-js-1-13', 'grpc-js-1.13'],
    ['grpc-js-1-14', '@grpc/grpc-js'],
  ),
  ...nest(10, join(ROOT, 'test/nest/10')),
  ...nest(11, join(ROOT, 'test/nest/11')),
  ...nest(12, ROOT),
];

/** What calls by HTTPS without a sidecar, which is at `discovery`; gRPC by credentials of TLS. */
const SECURE = new Set([
  ...['http', 'http with an agent', 'fetch', 'axios', 'got', 'node-fetch', 'superagent', 'agentkeepalive', 'undici'],
  ...['undici with a dispatcher', 'nest http', 'grpc'],
]);

const REGISTRIES: readonly Candidate[] = [
  ...own('nacos', ['nacos-2', 'nacos']),
  ...own('consul', ['consul-1', 'consul-1'], ['consul-2', 'consul']),
  ...own('eureka', ['eureka-js-client-4', 'eureka-js-client'], ['eureka-fork-4', '@rocketsoftware/eureka-js-client']),
];

/** Those that call. */
export function callersOn(node: string, modules: Modules): Cell {
  return cellOf(CALLERS, node, modules);
}

/** Of those that call, the ones that also do so by TLS. */
export function callsSecurely({ kind }: MatrixClient): boolean {
  return SECURE.has(kind);
}

/** Clients of registries. */
export function registriesOn(node: string, modules: Modules): Cell {
  return cellOf(REGISTRIES, node, modules);
}

function cellOf(candidates: readonly Candidate[], node: string, modules: Modules): Cell {
  const judged = candidates.map((candidate) => ({ candidate, why: refusal(candidate, node, modules) }));
  return {
    clients: judged.flatMap(({ candidate: { packages: _packages, engines: _engines, ...client }, why }) =>
      why === undefined ? [client] : [],
    ),
    refused: judged.flatMap(({ candidate: { id }, why }) => (why === undefined ? [] : [{ id, why }])),
  };
}

function refusal(
  { engines, module, packages = [], folder = ROOT }: Candidate,
  node: string,
  modules: Modules,
): string | undefined {
  if (engines !== undefined && !satisfies(node, engines)) return `Node has it from ${engines.slice(2)} on`;
  const manifests = (module === undefined ? packages : [module]).map((name) => manifestOf(name, folder));
  for (const { name, version, engines: said } of manifests)
    if (!satisfies(node, said?.node ?? '*')) return `${name} ${version}: \`${said?.node}\``;
  const esm = manifests.find(({ type, main }) => type === 'module' && main?.endsWith('.cjs') !== true);
  if (esm === undefined || modules === 'mjs' || satisfies(node, REQUIRES_ESM)) return undefined;
  return `${esm.name} ${esm.version} is an ES module`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type?: string;
  readonly main?: string;
  readonly engines?: { readonly node?: string };
}

function manifestOf(name: string, folder: string): Manifest {
  // There and nowhere above: another major that is found instead would be tried under this one's name.
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as Manifest;
}

/** The table of docs/agent-clients.md: what is not tried where, and who says so. */
export function refusedTable(nodes: readonly string[]): string {
  const rows = new Map<string, { readonly on: Map<string, Set<Modules>>; readonly ids: Set<string> }>();
  for (const node of nodes)
    for (const modules of ['cjs', 'mjs'] as const)
      for (const { id, why } of [callersOn(node, modules), registriesOn(node, modules)].flatMap(({ refused }) => refused)) {
        const { on, ids } = rows.get(why) ?? { on: new Map<string, Set<Modules>>(), ids: new Set<string>() };
        const major = node.split('.')[0] as string;
        rows.set(why, { on: on.set(major, (on.get(major) ?? new Set()).add(modules)), ids: ids.add(id) });
      }
  const lines = [...rows].map(([why, { on, ids }]) => {
    const majors = [...on].map(([major, modules]) => (modules.size === 2 ? major : `${major} (${[...modules].join()})`));
    return `| ${why.replaceAll('|', '\\|')} | ${majors.join(', ')} | ${[...ids].join(', ')} |`;
  });
  return ['| who says so | not on Node | clients |', '| --- | --- | --- |', ...lines].join('\n');
}
