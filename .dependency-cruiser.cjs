/**
 * The import rules of docs/adr/0001-monorepo.md. Each names what is forbidden; everything else is allowed.
 * `tsPreCompilationDeps`: a type-only import couples two libs as much as any other.
 */
const lib = (...names) => `^libs/(${names.join('|')})/`;
const anyLib = '^libs/';
const registries = 'registry-(?:nacos|consul|eureka|zookeeper|kubernetes|file|mcp)';
const tests = '\\.test\\.ts$|/testing/|^test/';

/** A lib may import itself, the libs named, and nothing else of ours. */
const onlyImports = (name, ...allowed) => ({
  name: `${name}-imports-only-${allowed.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: lib(name), pathNot: tests },
  to: { path: '^(libs|apps|test)/', pathNot: lib(name, ...allowed) },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing also escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    onlyImports('model'),
    onlyImports('proto', 'model'),
    onlyImports('ladder'),
    onlyImports('contract', 'model', 'ladder'),
    // Published on its own: the ladder is built into it, of the contract it has the types only (docs/adr/0022-agent.md).
    onlyImports('agent', 'ladder', 'contract'),
    onlyImports('config', 'model'),
    onlyImports('registry', 'model'),
    // A plan's files are read, watched and checked as the config is.
    onlyImports('lift', 'model', 'contract', 'ladder'),
    onlyImports('plans', 'model', 'ladder', 'config', 'contract'),
    onlyImports('ledger', 'model'),
    onlyImports('probe', 'model'),
    // Istio's messages are the policy's vocabulary (docs/adr/0018-istio-config.md).
    // Its files are read, watched and checked as the config is: the same limits, messages and places.
    onlyImports('policy', 'model', 'proto', 'config', 'ladder'),
    onlyImports('catalog', 'model'),
    onlyImports('translate', 'model', 'proto', 'ladder'),
    onlyImports('outputs', 'model', 'kube'),
    onlyImports('kube', 'model'),
    onlyImports('xds', 'model', 'proto'),
    {
      name: 'registries-import-only-registry-and-model',
      comment: 'registry-nacos also has generated code of its own; nobody imports another registry.',
      severity: 'error',
      from: { path: `^libs/(${registries})/`, pathNot: `${tests}|^libs/registry-(file|kubernetes)/` },
      to: { path: '^(libs|apps|test)/', pathNot: ['^libs/$1/', lib('model', 'registry', 'proto')] },
    },
    // Its file is read, watched and checked as the config is: the same limits, messages and places.
    onlyImports('registry-file', 'model', 'registry', 'config'),
    onlyImports('registry-kubernetes', 'model', 'registry', 'kube'),
    { name: 'libs-never-import-apps', severity: 'error', from: { path: anyLib }, to: { path: '^apps/' } },
    {
      name: 'apps-never-import-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'deep-imports-only-into-testing',
      comment: 'A lib is its package exports: index.ts, testing/index.ts, a Nest transport, and for proto the files of its src.',
      severity: 'error',
      from: { path: '^(libs|apps|test)/([^/]+)/' },
      to: {
        path: '^libs/',
        pathNot: ['^libs/$2/', '^libs/[^/]+/src/(testing/)?index\\.ts$', '\\.transport\\.ts$', '^libs/proto/src/'],
      },
    },
    {
      name: 'nest-only-at-the-edge',
      severity: 'error',
      from: { path: anyLib, pathNot: ['\\.module\\.ts$', '\\.transport\\.ts$', '\\.test\\.ts$', '/nest-app\\.worker\\.ts$'] },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'short-commands-load-no-nest',
      comment:
        'Half of what `check`, `doctor` and `configs` take of CPU went into 700 modules of it that nobody used. xds has it at `xds/nest`.',
      severity: 'error',
      from: { path: '^apps/bridge/src/(check|doctor|config-texts)\\.ts$' },
      to: { path: 'node_modules/@nestjs/', reachable: true },
    },
    {
      name: 'no-test-code-in-products',
      comment: 'apps/lab starts real servers: that is its job.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: [tests, '^apps/lab/'] },
      to: { path: '^test/|/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    exclude: { path: ['^dist/', '/testdata/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
