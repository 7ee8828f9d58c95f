import { join } from 'node:path';
import { writeSuites } from './test/together.mjs';

// Three sorts of tests: `unit` (seconds, no servers), `wire` (the registries on scripted wires: a minute or more of waiting for
// grace periods and outages) and `real` (the same and more on real servers on loopback, see test/servers). `together` is `unit`
// by the workspace instead of by the file: all of them in a third of the time (test/together.mjs).
const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  // Workspace packages point at their TypeScript sources under the `source` condition (docs/adr/0001-monorepo.md).
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons', 'source'] },
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  setupFilesAfterEnv: ['<rootDir>/test/patience.mjs', '<rootDir>/test/equal-bytes.mjs'],
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

/**
 * Each registry's passes of the suites that its real server passes too, and what else is said to a scripted server over a socket and
 * waits for grace periods, polls, time limits and reconnects: sources, sessions, doctors, bad answers.
 */
const suites = [
  'contract',
  'faults',
  'fault-table',
  'source',
  'session',
  'informer',
  'bad-input',
  'bad-answers',
  'doctor',
  'trust',
  'config-text',
];
const registries = `/libs/(registry[-a-z]*|kube)/src/(http-|sink-)?(${suites.join('|')}|large-json|https)\\.test\\.ts$`;

/** Others that wait: for a scripted control plane's silence, for backoffs of client libraries, for processes of other programs. */
const waiting = [
  'libs/agent/src/(control/follow-control|resilience/client-retries|resilience/opossum[-a-z]*|resilience/cockatiel[-a-z]*|registries/on-require)',
  'libs/ledger/src/testing/memory-store',
  'libs/outputs/src/kubernetes/kubernetes-output',
  'apps/bridge/src/(doctor-outputs|liveness/liveness|plans/plan-replicas|pipeline/way-back)',
];
const wire = `${registries}|/(${waiting.join('|')})\\.test\\.ts$`;

const roots = ['apps', 'libs', 'test'].map((dir) => `<rootDir>/${dir}`);

const unit = {
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['\\.real\\.test\\.ts$', '/e2e/', wire],
};

const together = join(import.meta.dirname, '.isthmus', 'together');
const notUnit = unit.testPathIgnorePatterns.map((pattern) => new RegExp(pattern));
writeSuites({ root: import.meta.dirname, into: together, isUnit: (path) => !notUnit.some((pattern) => pattern.test(path)) });

export default {
  rootDir: import.meta.dirname,
  testSequencer: '<rootDir>/test/longest-first.mjs',
  projects: [
    {
      ...base,
      roots,
      displayName: 'unit',
      ...unit,
    },
    {
      ...base,
      roots: [together],
      displayName: 'together',
      testEnvironment: '<rootDir>/test/together-environment.mjs',
      testMatch: ['**/*.together.mjs'],
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
      globalSetup: '<rootDir>/test/lending.mjs',
      globalTeardown: '<rootDir>/test/lending-end.mjs',
      testMatch: ['**/*.real.test.ts', '<rootDir>/test/e2e/**/*.test.ts'],
    },
  ],
};
