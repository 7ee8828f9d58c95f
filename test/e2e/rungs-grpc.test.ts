import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import type { AgentPlan } from '@isthmus/contract';
import { keptBy, markOf } from '@isthmus/ladder';
import type { Policy, Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { CountingGrpc } from './support/counting-grpc.ts';
import { hostsOf, rejectedOf, startSidecar } from './support/envoy.ts';
import { RungCaller } from './support/rung-caller.ts';
import type { CallEnd } from './support/rung-caller.ts';

jest.setTimeout(180_000);

const HOST = 'names.mesh';
const PORT = 7070;
const BUDGET = 3;

interface Step {
  readonly rung: Rung;
  readonly hand?: readonly Policy[];
}

/** The rows of docs/rungs.md for gRPC. The plan says `*`: what a call does not say that its process keeps, the sidecar does. */
describe.each(['@grpc/grpc-js', 'grpc-js-1.13', 'grpc-js-1.12', 'grpc-js-1.8'])('a gRPC call by %s', (library) => {
  let names: CountingGrpc;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let app: RungCaller;
  let directory: string;
  let version = 0;

  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  const stand = async (step: Step, attempts: 1 | 2): Promise<void> => {
    const spec = { target: HOST, consumers: ['*'], acceptLossy: true, steps: [{ ...step, for: '1h' }] };
    const file = join(bridge.directory, 'plans.d/names.yaml');
    // A plan does not begin at retired: its sidecars know nothing of it then.
    if (step.rung === 'sdk' || step.rung === 'retired') await rm(file, { force: true });
    else
      await write(file, stringify({ apiVersion: 'isthmus.dev/v1alpha1', kind: 'Migration', metadata: { name: 'names' }, spec }));
    const target = { host: HOST, port: PORT, addresses: [`127.0.0.1:${names.port}`], ...step };
    const plan: AgentPlan = { schema: 1, version: String((version += 1)), targets: [target] };
    await write(join(directory, 'plan.json'), JSON.stringify(plan));
    await until('the agent is there', async () => (await app.where())[0]?.effective === step.rung);
    const byEnvoy = step.rung !== 'sdk';
    await until(`calls at ${step.rung} are repeated by whose turn it is`, async () => {
      const ends = await app.call(3, { 'x-fail': '1' });
      const first = ({ 0: attempt }: ReturnType<typeof seen>[number]) =>
        (attempt?.['x-envoy-attempt-count'] !== undefined) === byEnvoy && attempt?.['x-isthmus-keeps'] === undefined;
      // An Envoy that has the plan takes the mark away.
      return seen(ends).every((all) => all.length === attempts && first(all));
    });
    await knows(step);
  };
  /** Until then everything is left to the process: what is handed over has no owner for a moment, and never two. */
  const knows = async ({ rung, hand }: Step): Promise<void> => {
    if (hand === undefined) return;
    const mark = markOf(keptBy(rung, hand));
    await until(`Envoy knows the mark ${mark}`, async () => {
      const dump = await fetch(`http://127.0.0.1:${envoy.ports.admin}/config_dump?resource=dynamic_route_configs`);
      return (await dump.text()).includes(`"exact": "${mark}"`);
    });
  };
  const seen = (ends: readonly CallEnd[]) => ends.map(({ call }) => names.attempts.get(call) ?? []);

  beforeAll(async () => {
    names = await CountingGrpc.start();
    bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], {
      istio: { dir: 'istio.d' },
      plans: { dir: 'plans.d' },
    });
    for (const name of ['istio.d', 'plans.d']) await mkdir(join(bridge.directory, name));
    const service = {
      host: HOST,
      ports: [{ number: PORT, protocol: 'grpc' }],
      endpoints: [{ address: '127.0.0.1', port: names.port }],
    };
    await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services: [service] }));
    await writeFile(join(bridge.directory, 'istio.d/names.yaml'), RULES);
    await bridge.run();
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'web');
    await until('the instance is in Envoy', async () => (await hostsOf(envoy, `outbound|${PORT}||${HOST}`)).length === 1);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-rungs-grpc-'));
    await writeFile(join(directory, 'plan.json'), JSON.stringify({ schema: 1, version: '0', targets: [] }));
    app = RungCaller.byGrpc(library, `isthmus:${HOST}:${PORT}`, {
      ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    });
  }, 240_000);

  afterAll(async () => {
    await app?.stop();
    await envoy?.stop();
    await bridge?.close();
    names?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test.each<[string, Step, { retries?: true; timesOut?: true }]>([
    ['sdk', { rung: 'sdk' }, {}],
    ['traffic', { rung: 'traffic' }, {}],
    ['resilience, timeout handed over', { rung: 'resilience', hand: ['timeout'] }, { timesOut: true }],
    ['resilience, retry handed over', { rung: 'resilience', hand: ['retry'] }, { retries: true }],
    ['resilience, all handed over', { rung: 'resilience' }, { timesOut: true, retries: true }],
    ['retired', { rung: 'retired' }, { timesOut: true, retries: true }],
  ])('%s: who repeats and who times out, and no mark leaves the sidecar', async (_, step, mesh) => {
    // From the rung where nothing goes by Envoy: of two that do, the second could not be told from the first while it is on its way.
    await stand({ rung: 'sdk' }, 1);
    await stand(step, mesh.retries ? 2 : 1);
    const plain = await app.call(10);
    expect(plain.map(({ status: code }) => code)).toEqual(plain.map(() => status.OK));
    expect(seen(plain).map((all) => all.length)).toEqual(plain.map(() => 1));
    if (step.rung !== 'sdk') for (const [attempt] of seen(plain)) expect(attempt?.['x-isthmus-keeps']).toBeUndefined();
    const repeated = await app.call(1, { 'x-fail': String(BUDGET - 1), 'x-isthmus-keeps': 'none' });
    const ended = [repeated[0]?.status, seen(repeated)[0]?.length];
    expect(ended).toEqual(mesh.retries ? [status.OK, BUDGET] : [status.UNAVAILABLE, 1]);
    const slow = await app.call(2, { 'x-slow': '2000' });
    const timedOut = slow.map(({ status: code }) => code !== status.OK);
    expect([timedOut, seen(slow).map((all) => all.length)]).toEqual([slow.map(() => mesh.timesOut === true), [1, 1]]);
    expect(await rejectedOf(envoy)).toEqual({});
  });
});

const RULES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: names }
spec:
  hosts: [${HOST}]
  exportTo: ['*']
  http:
    - timeout: 1s
      retries: { attempts: ${BUDGET - 1}, retryOn: 'unavailable,5xx', backoff: 1ms }
      route: [{ destination: { host: ${HOST} } }]
`;
