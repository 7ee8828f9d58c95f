import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { keptBy, markOf } from '@isthmus/ladder';
import type { Policy, Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { CountingService } from './support/counting-service.ts';
import type { Attempt } from './support/counting-service.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, rejectedOf, startSidecar, sumOfStats } from './support/envoy.ts';
import { RungCaller } from './support/rung-caller.ts';
import type { CallEnd } from './support/rung-caller.ts';

jest.setTimeout(180_000);

const HOST = 'orders.mesh';
/** The mesh's own, as its owner wrote them. */
const BUDGET = 3;
const TIMEOUT_MS = 1_000;
const EJECT_AFTER = 5;

interface Step extends Pick<AgentTarget, 'percent' | 'stickyBy'> {
  readonly rung: Rung;
  readonly hand?: readonly Policy[];
}

/** The table of docs/agent.md: a real bridge, a real Envoy, the built agent, and servers that count what arrives. */
describe('at each rung', () => {
  let orders: CountingService;
  let bridge: BridgeProcess;
  let web: EnvoyServer<'egress'>;
  let other: EnvoyServer<'egress'>;
  let app: RungCaller;
  let directory: string;
  let version = 0;

  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  /** The plan of the sidecars of these consumers; nothing is left to processes without one. */
  const planMesh = async (step: Step | undefined, consumers: readonly string[] = ['web']): Promise<void> => {
    const file = join(bridge.directory, 'plans.d/orders.yaml');
    if (step === undefined) return rm(file, { force: true });
    const metadata = { name: 'orders' };
    const spec = { target: HOST, consumers, steps: [{ ...step, for: '1h' }] };
    await write(file, stringify({ apiVersion: 'isthmus.dev/v1alpha1', kind: 'Migration', metadata, spec }));
  };
  const planAgent = async (step: Step): Promise<void> => {
    const addresses = orders.ports.map((port) => `127.0.0.1:${port}`);
    const plan: AgentPlan = { schema: 1, version: String((version += 1)), targets: [{ host: HOST, addresses, ...step }] };
    await write(join(directory, 'plan.json'), JSON.stringify(plan));
    await until(`the agent is at ${step.rung}; it said ${app.log}`, async () => {
      const [target] = await app.where();
      return target?.effective === step.rung && target.percent === (step.percent ?? 100);
    });
  };
  /** What the servers saw of calls. */
  const seen = (ends: readonly CallEnd[]): readonly (readonly Attempt[])[] => orders.of(ends.map(({ call }) => call));
  const perCall = (ends: readonly CallEnd[]): readonly number[] => seen(ends).map((attempts) => attempts.length);
  const statuses = (ends: readonly CallEnd[]): readonly unknown[] => [...new Set(ends.map(({ status }) => status))];
  const fine = async (): Promise<void> => {
    await until('nothing is ejected', async () => {
      const ends = await app.call(12);
      return (
        ends.every(({ status }) => status === 200) &&
        new Set(
          seen(ends)
            .flat()
            .map(({ instance }) => instance),
        ).size === 3
      );
    });
  };
  const ejections = (): Promise<number> => sumOfStats(web, 'outlier_detection.ejections_enforced_total$');
  /** Until then everything is left to the process: what is handed over has no owner for a moment, and never two. */
  const knows = async ({ rung, hand }: Step): Promise<void> => {
    if (rung !== 'resilience' || hand === undefined) return;
    const mark = markOf(keptBy(rung, hand));
    await until(`Envoy knows the mark ${mark}`, async () => {
      const dump = await fetch(`http://127.0.0.1:${web.ports.admin}/config_dump?resource=dynamic_route_configs`);
      return (await dump.text()).includes(`"exact": "${mark}"`);
    });
  };
  /** Both are at a step: a call that fails once is repeated as the step says. */
  const stand = async (step: Step, attempts: 1 | 2): Promise<void> => {
    await planMesh(step.rung === 'retired' || step.rung === 'sdk' || step.rung === 'shadow' ? undefined : step);
    await planAgent(step);
    await until(`calls at ${step.rung} are repeated by whose turn it is`, async () => {
      const ends = await app.call(3, { 'x-fail': '1' });
      return perCall(ends).every((count) => count === attempts);
    });
    await knows(step);
    await fine();
  };

  beforeAll(async () => {
    orders = await CountingService.start(3);
    bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], {
      istio: { dir: 'istio.d' },
      plans: { dir: 'plans.d' },
    });
    for (const name of ['istio.d', 'plans.d']) await mkdir(join(bridge.directory, name));
    const endpoints = orders.ports.map((port) => ({ address: '127.0.0.1', port }));
    await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services: [{ host: HOST, endpoints }] }));
    await writeFile(join(bridge.directory, 'istio.d/orders.yaml'), RULES);
    await bridge.run();
    web = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'web');
    other = await startSidecar(bridge.ports.xds, 'GRPC', 'other');
    for (const envoy of [web, other])
      await until('the instances are in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 3);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-rungs-'));
    await writeFile(join(directory, 'plan.json'), JSON.stringify({ schema: 1, version: '0', targets: [] }));
    app = RungCaller.start(orders.ports, {
      ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
      ISTHMUS_EGRESS: `127.0.0.1:${web.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${web.ports.admin}`,
    });
  }, 240_000);

  afterAll(async () => {
    await app?.stop();
    await web?.stop();
    await other?.stop();
    await bridge?.close();
    await orders?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test.each<[string, Step, { direct?: true; retries?: true; timesOut?: true; ejects?: true }]>([
    ['sdk', { rung: 'sdk' }, { direct: true }],
    ['shadow', { rung: 'shadow' }, { direct: true }],
    ['traffic', { rung: 'traffic' }, {}],
    ['resilience, timeout handed over', { rung: 'resilience', hand: ['timeout'] }, { timesOut: true }],
    ['resilience, retry handed over', { rung: 'resilience', hand: ['retry'] }, { retries: true }],
    ['resilience, circuit breaking handed over', { rung: 'resilience', hand: ['circuitBreaking'] }, { ejects: true }],
    ['resilience, all handed over', { rung: 'resilience' }, { timesOut: true, retries: true, ejects: true }],
    ['retired', { rung: 'retired' }, { timesOut: true, retries: true, ejects: true }],
  ])('%s: who is dialled, who repeats, times out and ejects', async (_, step, mesh) => {
    await stand(step, mesh.retries ? 2 : 1);
    const plain = await app.call(12);
    expect(statuses(plain)).toEqual([200]);
    expect(perCall(plain)).toEqual(plain.map(() => 1));
    // Dialled: an instance, or the egress by the service's name.
    for (const { byEnvoy, headers } of seen(plain).flat()) {
      expect([byEnvoy, headers.host?.startsWith(HOST)]).toEqual(mesh.direct ? [0, false] : [1, true]);
      expect(headers['x-isthmus-keeps']).toBeUndefined();
    }
    // Repeats: as often as the owner's budget, or never.
    const repeated = await app.call(1, { 'x-fail': String(BUDGET - 1) });
    expect([statuses(repeated), perCall(repeated)]).toEqual(mesh.retries ? [[200], [BUDGET]] : [[503], [1]]);
    if (!mesh.direct) expect(seen(repeated)[0]?.map(({ byEnvoy }) => byEnvoy)).toEqual(mesh.retries ? [1, 2, 3] : [1]);
    // Times out: one attempt, because a deadline of the whole call leaves no time for another.
    const slow = await app.call(2, { 'x-slow': String(2 * TIMEOUT_MS) }, { atOnce: 2 });
    expect([statuses(slow), perCall(slow)]).toEqual([[mesh.timesOut ? 504 : 200], [1, 1]]);
    // Ejects: instances that fail in a row get no more calls, not one.
    await fine();
    const failing = async (): Promise<number> => {
      const ends = await app.call(30, { 'x-fail': '1000' });
      expect(statuses(ends)).toEqual([503]);
      expect(Math.max(...perCall(ends))).toBeLessThanOrEqual(mesh.retries ? BUDGET : 1);
      return seen(ends).flat().length;
    };
    const before = await ejections();
    if (mesh.ejects) await until('all are ejected', async () => (await failing()) === 0);
    else for (let turn = 0; turn < 3; turn += 1) expect(await failing()).toBe(30 * (mesh.retries ? BUDGET : 1));
    await fine();
    expect((await ejections()) - before > 0).toBe(mesh.ejects === true);
  });

  test.each([
    ['header:x-user', (user: string) => ({ headers: { 'x-user': user } })],
    ['key', (user: string) => ({ key: user })],
  ])('a share of the calls is handed over, each as a whole, and the same callers stay in it, by %s', async (stickyBy, from) => {
    const step: Step = { rung: 'resilience', hand: ['retry', 'timeout'], percent: 30, stickyBy };
    await planMesh(step);
    await planAgent(step);
    const attemptsOf = async (): Promise<readonly number[]> => {
      const counts: number[] = [];
      for (let user = 0; user < 60; user += 1) {
        const { headers = {}, ...more } = from(`user-${user}`) as { headers?: Record<string, string>; key?: string };
        const ends = await app.call(1, { ...headers, 'x-fail': '1' }, more);
        counts.push(...perCall(ends));
      }
      return counts;
    };
    // The agent may still hand over all of them, as the step before had it: only both together are this step.
    await until('some are repeated, and some are not', async () => {
      const counts = await attemptsOf();
      return counts.includes(2) && counts.includes(1) && String(counts) === String(await attemptsOf());
    });
    const [first, second] = [await attemptsOf(), await attemptsOf()];
    expect(second).toEqual(first);
    expect(first.every((count) => count === 1 || count === 2)).toBe(true);
    const moved = first.filter((count) => count === 2).length;
    expect(moved).toBeGreaterThan(6);
    expect(moved).toBeLessThan(36);
  });

  test.each<[string, Step]>([
    ['sdk', { rung: 'sdk' }],
    ['traffic', { rung: 'traffic' }],
    ['a share of traffic', { rung: 'traffic', percent: 50 }],
    ['resilience, retry kept', { rung: 'resilience', hand: ['timeout'] }],
    ['a share of resilience', { rung: 'resilience', hand: ['timeout', 'retry'], percent: 50 }],
    ['resilience', { rung: 'resilience', hand: ['timeout', 'retry'] }],
  ])('%s: in a storm of 30 %% failures no call is tried more often than its owner allows', async (_, step) => {
    await planMesh(step.rung === 'sdk' ? undefined : step);
    await planAgent(step);
    await until('nobody repeats what another repeats', async () =>
      perCall(await app.call(20, { 'x-fail': '1000' }, { retries: true, atOnce: 10 })).every((count) => count <= BUDGET),
    );
    const ends = await app.call(400, { 'x-storm': '1' }, { retries: true, atOnce: 10 });
    const counts = perCall(ends);
    expect(Math.min(...counts)).toBe(1);
    expect(Math.max(...counts)).toBeGreaterThan(1);
    expect(Math.max(...counts)).toBeLessThanOrEqual(BUDGET);
    expect(
      Math.max(
        ...seen(ends)
          .flat()
          .map(({ byEnvoy }) => byEnvoy),
      ),
    ).toBeLessThanOrEqual(BUDGET);
    // Three attempts of ten fail: of three in a row 2.7 %.
    expect(ends.filter(({ status }) => status === 200).length).toBeGreaterThan(360);
  });

  test('a call without a mark is the consumer’s that a plan names, and else nobody’s who has policies of its own', async () => {
    let calls = 0;
    const unmarked = async (envoy: EnvoyServer<'egress'>): Promise<number> => {
      const call = `unmarked-${(calls += 1)}`;
      await callEgress(envoy.ports.egress, HOST, { 'x-call': call, 'x-fail': '1' });
      return orders.attempts.get(call)?.length ?? 0;
    };
    await planMesh({ rung: 'traffic' });
    await until('web’s are left to it', async () => (await unmarked(web)) === 1);
    expect(await unmarked(other)).toBe(2);
    await planMesh({ rung: 'traffic' }, ['*']);
    await until('all have the mesh’s policies', async () => (await unmarked(web)) === 2);
    expect(await unmarked(other)).toBe(2);
  });

  test('a mark that the application copied from a call of its own counts for nothing', async () => {
    await stand({ rung: 'resilience' }, 2);
    const ends = await app.call(3, { 'x-fail': '1', 'x-isthmus-keeps': 'timeout,retry,circuitBreaking' });
    expect([statuses(ends), perCall(ends)]).toEqual([[200], [2, 2, 2]]);
    expect(
      seen(ends)
        .flat()
        .some(({ headers }) => headers['x-isthmus-keeps'] !== undefined),
    ).toBe(false);
  });

  test('Envoy rejected nothing of all this', async () => {
    for (const envoy of [web, other]) expect(await rejectedOf(envoy)).toEqual({});
  });
});

const RULES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders }
spec:
  hosts: [${HOST}]
  exportTo: ['*']
  http:
    - timeout: ${TIMEOUT_MS}ms
      retries: { attempts: ${BUDGET - 1}, retryOn: 5xx, backoff: 1ms }
      route: [{ destination: { host: ${HOST} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders }
spec:
  host: ${HOST}
  exportTo: ['*']
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: ${EJECT_AFTER}, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 100 }
`;
