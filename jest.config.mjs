// Two projects: `unit` (seconds, no servers) and `real` (real servers on loopback, see test/servers).
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

const roots = ['apps', 'libs', 'test'].map((dir) => `<rootDir>/${dir}`);

export default {
  rootDir: import.meta.dirname,
  projects: [
    {
      ...base,
      roots,
      displayName: 'unit',
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['\\.real\\.test\\.ts$', '/e2e/'],
    },
    {
      ...base,
      roots,
      displayName: 'real',
      testMatch: ['**/*.real.test.ts', '<rootDir>/test/e2e/**/*.test.ts'],
    },
  ],
};
