import { describe, expect, test } from '@jest/globals';
import { formatProblem } from '@isthmus/config';
import { migrationFrom, readMigrations } from './read-migrations.ts';

const ORDERS = `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: orders.DEFAULT-GROUP.public.nacos
  consumers: ['*']
  steps:
    - { rung: shadow,     for: 10m, gate: { similarity: '>= 0.99', samples: '>= 100' } }
    - { rung: discovery,  for: 10m }
    - { rung: traffic,    percent: 5,  stickyBy: 'header:x-user-id', for: 10m, gate: { errorRateDelta: '<= 0.5%', p99Ratio: '<= 1.2', samples: '>= 1000' } }
    - { rung: traffic,    percent: 100, for: 30m }
    - { rung: resilience, percent: 20, hand: [timeout, retry, circuitBreaking], for: 30m, gate: { attemptsPerRequest: '<= 1.2' } }
    - { rung: resilience, percent: 100, for: 24h }
    - { rung: retired }
  onFailure: rollback
`;

const read = (text: string) => readMigrations('plans.d/orders.yaml', Buffer.from(text));
const said = (text: string) => read(text).problems.map((problem) => formatProblem(problem).split('\n')[0]);
const STEPS = ORDERS.slice(ORDERS.indexOf('    - {'), ORDERS.indexOf('  onFailure'));
const withSteps = (steps: string) => ORDERS.replace(STEPS, `${steps}\n`);

test('the plan of the interface means what it says', () => {
  const { plans, problems } = read(ORDERS);
  expect(problems).toEqual([]);
  expect(plans[0]?.place).toBe('plans.d/orders.yaml:1:1');
  expect(plans[0]?.migration).toMatchObject({
    name: 'orders',
    target: { kind: 'host', host: 'orders.default-group.public.nacos' },
    consumers: ['*'],
    onFailure: 'rollback',
  });
  expect(plans[0]?.migration.steps[2]).toEqual({
    rung: 'traffic',
    percent: 5,
    stickyBy: 'header:x-user-id',
    forMs: 600_000,
    gate: {
      errorRateDelta: { op: '<=', value: 0.005 },
      p99Ratio: { op: '<=', value: 1.2 },
      samples: { op: '>=', value: 1_000 },
    },
  });
  expect(plans[0]?.migration.steps.at(-1)).toEqual({ rung: 'retired', percent: 100, forMs: 0, gate: {}, quietMs: 86_400_000 });
});

test('a plan is the same when it is read again from what was kept of it', () => {
  const [plan] = read(ORDERS).plans;
  expect(migrationFrom(JSON.parse(JSON.stringify(plan?.document)))).toEqual(plan?.migration);
  expect(migrationFrom({ kind: 'Migration' })).toBeUndefined();
});

test('a service key is a target too, and JSON a way to write it', () => {
  const json = JSON.stringify({
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'Migration',
    metadata: { name: 'a' },
    spec: { target: 'shop/public/DEFAULT_GROUP/orders', consumers: ['web'], steps: [{ rung: 'shadow' }], lease: '1h' },
  });
  expect(read(json).plans[0]?.migration).toMatchObject({
    target: { kind: 'service', key: { source: 'shop', name: 'orders' } },
    leaseS: 3_600,
  });
});

describe('what is wrong', () => {
  test('comes all at once, each at its line and column', () => {
    const text = ORDERS.replace('consumers', 'consumer')
      .replace("'>= 0.99'", "'<= 0.99'")
      .replace('for: 30m }', 'for: soon }')
      .replace("'<= 1.2' } }", "'<= 1.2x' } }");
    expect(said(text)).toEqual([
      expect.stringMatching(/^plans\.d\/orders\.yaml:4:1: spec\.consumers is missing/),
      expect.stringMatching(/^plans\.d\/orders\.yaml:6:3: spec\.consumer is .*/),
      expect.stringMatching(/^plans\.d\/orders\.yaml:8:57: .*similarity is .*, which is the wrong side/),
      expect.stringMatching(/^plans\.d\/orders\.yaml:11:46: .*for .*is no time/),
      expect.stringMatching(/^plans\.d\/orders\.yaml:12:119: .*attemptsPerRequest.*is no condition/),
    ]);
  });

  test.each([
    ['steps that go down', '    - { rung: traffic }\n    - { rung: shadow }', 'step 2 goes down from traffic to shadow'],
    [
      'shares that shrink',
      '    - { rung: traffic, percent: 50 }\n    - { rung: traffic, percent: 5 }',
      'step 2 shrinks the share',
    ],
    ['a share of shadow', '    - { rung: shadow, percent: 5 }', 'shadow has no shares'],
    ['a hand below resilience', '    - { rung: traffic, hand: [retry] }', 'hand is set at traffic'],
    ['a gate of calls at shadow', "    - { rung: shadow, gate: { p99Ratio: '<= 1.2' } }", 'p99Ratio is asked for at shadow'],
    ['retired alone', '    - { rung: retired }', 'the first step is retired'],
    [
      'something after retired',
      '    - { rung: shadow }\n    - { rung: retired }\n    - { rung: retired }',
      'steps follow retired',
    ],
    ['the rung sdk', '    - { rung: sdk }', 'spec.steps[0].rung is "sdk"'],
    ['another key', '    - { rung: shadow, gates: {} }', 'spec.steps[0].gates'],
  ])('%s', (_, steps, expected) => {
    expect(said(withSteps(steps)).join('\n')).toContain(expected);
  });

  test('costs its plan only, and is not the same as a plan that is gone', () => {
    const both = `${ORDERS}---\n${ORDERS.replace('name: orders', 'name: other').replace('onFailure: rollback', 'onFailure: hope')}`;
    const { plans, refused, readable } = read(both);
    expect([plans.map(({ migration }) => migration.name), refused, readable]).toEqual([['orders'], ['other'], true]);
    expect(read('a: [')).toMatchObject({ plans: [], readable: false });
  });

  test('two plans of one name are one, and the second is said', () => {
    const { plans } = read(`${ORDERS}---\n${ORDERS}`);
    expect(plans).toHaveLength(1);
    expect(said(`${ORDERS}---\n${ORDERS}`)[0]).toContain('plan orders is at plans.d/orders.yaml:1:1 already');
  });
});
