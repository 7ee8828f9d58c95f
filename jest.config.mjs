// Three projects: `unit` (seconds, no servers), `wire` (the contract and fault suites of the registries on scripted wires: minutes
// of waiting for grace periods and outages) and `real` (the same and more on real servers on loopback, see test/servers).
const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  // Workspace packages point at their TypeScript sources under the `source` condition (docs/adr/0001-monorepo.md).
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons', 'source'] },
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  setupFilesAfterEnv: ['<rootDir>/test/patience.mjs'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
};

/** Each registry's passes of the suites that its real server passes too. */
const wire = '/libs/registry[-a-z]*/src/(http-|sink-)?(contract|faults|fault-table)\\.test\\.ts$';

const roots = ['apps', 'libs', 'test'].map((dir) => `<rootDir>/${dir}`);

export default {
  rootDir: import.meta.dirname,
  projects: [
    {
      ...base,
      roots,
      displayName: 'unit',
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['\\.real\\.test\\.ts$', '/e2e/', wire],
    },
    {
      ...base,
      roots,
      displayName: 'wire',
      testRegex: [wire],
    },
    {
      ...base,
      roots,
      displayName: 'real',
      testMatch: ['**/*.real.test.ts', '<rootDir>/test/e2e/**/*.test.ts'],
    },
  ],
};
