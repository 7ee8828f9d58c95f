import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiagnosticList, ItemList, PlanAuditView, PlanChangeView, PlanDetail, PlanView, Problem } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import type { CliOutcome } from './support/cli.ts';

const SERVICES = `services:
  - host: orders.shop.mesh
    endpoints: [{ address: 10.0.0.7, port: 8080 }, { address: 10.0.0.8, port: 8080 }]
  - host: payments.shop.mesh
    endpoints: [{ address: 10.0.1.7, port: 8080 }]
`;

const plan = (
  name: string,
  target: string,
  steps = '{ rung: shadow, for: 1h }, { rung: traffic, percent: 5, for: 1h }, { rung: traffic }',
) => `
apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: ${name} }
spec:
  target: ${target}
  consumers: [web]
  steps: [${steps}]
`;

let bridge: BridgeProcess;
beforeAll(async () => {
  bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], { plans: { dir: 'plans.d' } });
  await writeFile(join(bridge.directory, 'services.yaml'), SERVICES);
  await mkdir(join(bridge.directory, 'plans.d'));
  await bridge.run();
});
afterAll(() => bridge?.close());

const planFile = (name: string) => join(bridge.directory, 'plans.d', name);

/** The built CLI, in the directory of the bridge, so that it finds the admin token. */
function isthmus(...args: readonly string[]): Promise<CliOutcome> {
  return startCli(args, { cwd: bridge.directory, env: { ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}` } }).ended;
}

async function call<T>(method: string, path: string, body?: string): Promise<{ status: number; body: T }> {
  const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await bridge.adminToken()}`,
      ...(body === undefined ? {} : { 'content-type': 'application/yaml' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, body: (await answer.json()) as T };
}

const plans = async () => (await bridge.get<ItemList<PlanView>>('plans')).items;
const state = async (name: string) => {
  const found = (await plans()).find((item) => item.name === name);
  return found && `${found.origin} ${found.state} ${found.rung} ${found.percent}`;
};
const diagnostics = async () =>
  (await bridge.get<DiagnosticList>('diagnostics')).items.filter(({ code }) => code.startsWith('plan.'));

describe('by the API', () => {
  test('a plan is applied, shown, steered and deleted; each write has a dry run that writes nothing', async () => {
    const text = plan('payments', 'payments.shop.mesh');
    const dry = await call<ItemList<PlanChangeView>>('POST', '?dryRun=true', text);
    expect(dry).toMatchObject({
      status: 200,
      body: { items: [{ action: 'created', dryRun: true, before: { rung: 'sdk' }, after: { rung: 'shadow' } }] },
    });
    expect(await plans()).toEqual([]);
    expect((await call('POST', '', text)).status).toBe(200);
    expect(await state('payments')).toBe('api running shadow 100');
    const detail = await bridge.get<PlanDetail>('plans/payments');
    expect(detail).toMatchObject({ host: 'payments.shop.mesh', port: 80, step: 1, steps: 3 });
    expect(detail.waitsFor).toContain('no agent of its consumers is connected');
    await call('POST', '/payments/promote');
    await call('POST', '/payments/pause');
    expect(await state('payments')).toBe('api paused traffic 5');
    const back = await call<ItemList<PlanChangeView>>('POST', '/payments/rollback');
    expect(back.body.items[0]).toMatchObject({ before: { rung: 'traffic', percent: 5 }, after: { rung: 'sdk', percent: 100 } });
    const { items } = await bridge.get<ItemList<PlanAuditView>>('plans/payments/audit');
    expect(items.map(({ by, what }) => `${by}: ${what}`)).toEqual([
      'hand: rolled back to sdk from step 2 of 3, traffic 5 %',
      'hand: paused at step 2 of 3, traffic 5 %',
      'hand: began step 2 of 3, traffic 5 %',
      'hand: began step 1 of 3, shadow',
    ]);
    expect((await call('DELETE', '/payments')).status).toBe(200);
    expect(await plans()).toEqual([]);
    expect((await call('POST', '/payments/pause')).status).toBe(404);
  });

  test('writes need the token, and what is wrong is told with its place', async () => {
    expect((await bridge.post('plans')).status).toBe(401);
    const wrong = await call<Problem>(
      'POST',
      '?file=orders.yaml',
      plan('orders', 'orders.shop.mesh', '{ rung: trafic }, { rung: shadow, gates: 1 }'),
    );
    expect(wrong.status).toBe(422);
    expect(wrong.body.detail).toContain('orders.yaml:8:19: spec.steps[0].rung is "trafic"');
    expect(wrong.body.detail).toContain('orders.yaml:8:');
    expect(wrong.body.detail).toContain('2 problems');
  });

  test('two plans for one target and consumer are refused, and of several in one request none is applied', async () => {
    const both = `${plan('a', 'payments.shop.mesh')}---${plan('b', 'fixed///payments.shop.mesh')}`;
    const refused = await call<Problem>('POST', '', both);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining('plan b has payments.shop.mesh already for web'),
    ]);
    expect(await plans()).toEqual([]);
  });

  test('JSON is taken as well, and what is none of ours is not', async () => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans?dryRun=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        apiVersion: 'isthmus.dev/v1alpha1',
        kind: 'Migration',
        metadata: { name: 'json' },
        spec: { target: 'payments.shop.mesh', consumers: ['*'], steps: [{ rung: 'shadow' }] },
      }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([200, { items: [{ name: 'json', action: 'created' }] }]);
    expect((await call('POST', '', 'hello')).status).toBe(422);
    expect((await call('POST', '', '')).status).toBe(422);
  });
});

describe('files', () => {
  test('own their plans: they come, change and go with them, and the API refuses to change them', async () => {
    await writeFile(planFile('orders.yaml'), plan('orders', 'orders.shop.mesh'));
    await until('the plan is taken', async () => (await state('orders')) === 'file running shadow 100');
    const refused = await call<Problem>('POST', '', plan('orders', 'orders.shop.mesh', '{ rung: traffic }'));
    expect([refused.status, refused.body.detail]).toEqual([409, 'plan orders: its file owns it']);
    expect((await call('DELETE', '/orders')).status).toBe(409);
    expect((await call('POST', '/orders/promote')).status).toBe(200);
    expect(await state('orders')).toBe('file running traffic 5');
    // The step that it stands on is another one now.
    await writeFile(
      planFile('orders.yaml'),
      plan('orders', 'orders.shop.mesh', '{ rung: shadow, for: 1h }, { rung: traffic, percent: 10, for: 1h }'),
    );
    await until('the change is taken', async () => (await state('orders')) === 'file running traffic 10');
  });

  test('that are wrong keep their last good plan, and say where; what is right of them counts again at once', async () => {
    await writeFile(planFile('orders.yaml'), plan('orders', 'orders.shop.mesh', '{ rung: trafic }'));
    await until('it is said', async () => (await diagnostics()).length > 0);
    expect(await diagnostics()).toMatchObject([{ code: 'plan.invalid', where: expect.stringMatching(/orders\.yaml:8:19$/) }]);
    expect(await state('orders')).toBe('file running traffic 10');
    await writeFile(planFile('orders.yaml'), 'a: [');
    await until('it is said', async () => (await diagnostics())[0]?.what.includes('not valid YAML') === true);
    expect(await state('orders')).toBe('file running traffic 10');
    await writeFile(
      planFile('orders.yaml'),
      plan('orders', 'orders.shop.mesh', '{ rung: shadow, for: 1h }, { rung: traffic, percent: 10, for: 1h }'),
    );
    await until('nothing is wrong', async () => (await diagnostics()).length === 0);
    expect(await state('orders')).toBe('file running traffic 10');
  });

  test('of the bridge survive its kill: plans are where they were', async () => {
    await bridge.end('SIGKILL');
    await bridge.run();
    expect(await state('orders')).toBe('file running traffic 10');
    expect((await bridge.get<PlanDetail>('plans/orders')).step).toBe(2);
  });

  test('that go take their plan with them; a directory that goes does not', async () => {
    // In one step: who removes the files first means that.
    await rename(join(bridge.directory, 'plans.d'), join(bridge.directory, 'kept'));
    await until('it is said', async () => (await diagnostics()).some(({ code }) => code === 'plan.unreadable'));
    expect(await state('orders')).toBe('file running traffic 10');
    await rename(join(bridge.directory, 'kept'), join(bridge.directory, 'plans.d'));
    await until('it is read again', async () => (await diagnostics()).length === 0);
    await rm(planFile('orders.yaml'));
    await until('the plan is gone', async () => (await plans()).length === 0);
  });
});

describe('by the CLI', () => {
  test('a plan goes through its life, with exit codes for scripts', async () => {
    const file = join(bridge.directory, 'payments.yaml');
    await writeFile(file, plan('payments', 'payments.shop.mesh'));
    const dry = await isthmus('plan', 'apply', '-f', file, '--dry-run');
    expect([dry.code, dry.stdout]).toEqual([
      0,
      'plan payments created (dry run): sdk → shadow\n  began step 1 of 3, shadow (it was applied)\n',
    ]);
    expect((await isthmus('plan', 'apply', '-f', file)).code).toBe(0);
    expect((await isthmus('plan', 'apply', '-f', file)).stdout).toBe('plan payments unchanged\n');
    expect((await isthmus('get', 'plans')).stdout).toMatch(
      /PLAN +TARGET .*\npayments +payments\.shop\.mesh +web +running +1\/3 +shadow/,
    );
    expect((await isthmus('plan', 'get', 'payments')).stdout).toContain('waits: no agent of its consumers is connected');
    expect(JSON.parse((await isthmus('plan', 'get', 'payments', '-o', 'json')).stdout)).toMatchObject({
      name: 'payments',
      step: 1,
    });
    expect((await isthmus('plan', 'promote', 'payments')).stdout).toContain('shadow → traffic 5 %');
    expect((await isthmus('plan', 'rollback', '-f', file)).stdout).toContain('traffic 5 % → sdk');
    const again = await isthmus('plan', 'rollback', 'payments');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('it is at sdk already')]);
    expect((await isthmus('plan', 'get', 'payments', '--audit')).stdout).toContain('rolled back to sdk');
    expect((await isthmus('plan', 'delete', 'payments')).code).toBe(0);
    expect((await isthmus('plan', 'get', 'payments')).code).toBe(1);
    expect((await isthmus('plan', 'pause')).code).toBe(2);
    expect((await isthmus('plan', 'apply', '-f', join(bridge.directory, 'none.yaml'))).code).toBe(2);
  });

  test('check covers plans: every error at its place, contradictions between files too', async () => {
    await writeFile(planFile('a.yaml'), plan('a', 'orders.shop.mesh'));
    await writeFile(planFile('b.yaml'), plan('b', 'orders.shop.mesh', '{ rung: traffic }, { rung: shadow }'));
    await writeFile(planFile('c.yaml'), plan('c', 'orders.shop.mesh'));
    const config = join(bridge.directory, 'isthmus.yaml');
    const wrong = await isthmus('check', '-c', config);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(
      /plans\.d\/b\.yaml:8:\d+: plan b: step 2 goes down from traffic to shadow\n {4}why: .*\n {4}try: /,
    );
    expect(wrong.stdout).toMatch(
      /plans\.d\/c\.yaml:2:1: plan c has the target of plan a \(.*a\.yaml:2:1\) for one of its consumers/,
    );
    await Promise.all(['b.yaml', 'c.yaml'].map((name) => rm(planFile(name))));
    const right = await isthmus('check', '-c', config);
    expect([right.code, right.stdout]).toEqual([0, expect.stringContaining(', 1 plan\n')]);
  });
});
