import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExplainAnswer, ItemList, PlanAuditView, PlanDetail } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { AgentCaller } from './support/agent-caller.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.default-group.public.nacos';
const TOKEN = 'a-token-of-the-service-web';
const GATE = "gate: { errorRateDelta: '<= 5%', attemptsPerRequest: '<= 1.5', samples: '>= 30' }";

const plan = (percent: number) => `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: ${HOST}
  consumers: [web]
  steps:
    - { rung: traffic, percent: ${percent}, for: 2s, ${GATE} }
    - { rung: traffic, percent: 100, for: 2s, ${GATE} }
`;

describe('a plan whose gates real calls through a real sidecar decide', () => {
  let nacos: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let caller: AgentCaller | undefined;
  let directory: string;
  let isBroken = false;
  const served = { sdk: 0, mesh: 0 };
  const instance = createServer({ keepAliveTimeout: 0 }, ({ headers }, response) => {
    const way = headers['x-request-id'] === undefined ? 'sdk' : 'mesh';
    served[way] += 1;
    if (isBroken && way === 'mesh') response.statusCode = 503;
    response.end('orders');
  });

  const detail = () => bridge.get<PlanDetail>('plans/orders');
  const apply = async (text: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/yaml' },
      body: text,
    });
    expect([answer.status, answer.ok ? '' : await answer.text()]).toEqual([200, '']);
  };
  /** Waits for a state; says what the plan waited for when it does not come. */
  const comesTo = async (state: PlanDetail['state']): Promise<PlanDetail> => {
    let last: PlanDetail | undefined;
    const look = async () => (last = await detail()).state === state;
    await until(`the plan is ${state}`, look, 90_000).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last)} ${caller?.log}`);
    });
    return last as PlanDetail;
  };

  beforeAll(async () => {
    nacos = await borrowNacos2();
    await new Promise<void>((resolve) => instance.listen(0, '127.0.0.1', resolve));
    const { port } = instance.address() as AddressInfo;
    const query = new URLSearchParams({ serviceName: 'orders', ip: '127.0.0.1', port: String(port), ephemeral: 'false' });
    expect((await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method: 'POST' })).status).toBe(
      200,
    );
    directory = await mkdtemp(join(tmpdir(), 'isthmus-gates-'));
    const tokensFile = join(directory, 'agents');
    await writeFile(tokensFile, `web ${TOKEN}\n`, { mode: 0o600 });
    await writeFile(join(directory, 'web.token'), TOKEN, { mode: 0o600 });
    bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }], {
      agents: { tokensFile, ping: '1s', reportEvery: '1s' },
    });
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    await until('the instance is in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 1);
    caller = AgentCaller.start(nacos.ports.http, 'orders', {
      ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
      ISTHMUS_SERVICE: 'web',
      ISTHMUS_TOKEN_FILE: join(directory, 'web.token'),
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    });
    await until('it calls', () => served.sdk > 20, 60_000);
  }, 300_000);

  afterAll(async () => {
    await caller?.stop();
    await envoy?.stop();
    await bridge?.close();
    await nacos?.giveBack();
    instance.closeAllConnections();
    await new Promise((resolve) => instance.close(resolve));
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('climbs by itself while they hold, and no step is taken without its samples', async () => {
    await apply(plan(50));
    await comesTo('done');
    expect(served.mesh).toBeGreaterThanOrEqual(60);
    const { items } = await bridge.get<ItemList<PlanAuditView>>('plans/orders/audit');
    expect(items.map(({ by, what }) => `${by}: ${what}`)).toEqual([
      'gate: done',
      'gate: began step 2 of 2, traffic',
      'hand: began step 1 of 2, traffic 50 %',
    ]);
    expect((items[1]?.at ?? 0) - (items[2]?.at ?? 0)).toBeGreaterThanOrEqual(2_000);
  }, 120_000);

  test('goes back to the SDK by itself when calls through the mesh fail, and every call is the SDK’s again', async () => {
    isBroken = true;
    await apply(plan(40));
    const { why, rung } = await comesTo('rolled-back');
    expect([rung, why]).toEqual(['sdk', expect.stringMatching(/errorRateDelta <= 0\.05: it is (?:0\.[3-9]|1$)/)]);
    await until('the agent has heard', async () => (await detail()).agents.acknowledged === 1, 60_000);
    const mesh = served.mesh;
    const sdk = served.sdk;
    await until('it calls', () => served.sdk > sdk + 50, 60_000);
    // Of those that were on their way.
    expect(served.mesh - mesh).toBeLessThanOrEqual(2);
  }, 200_000);

  test('is in what explain tells of its host: who is where, and why one is lower once its sidecar is gone', async () => {
    isBroken = false;
    await apply(plan(60));
    await comesTo('done');
    const explained = async () => (await bridge.get<ExplainAnswer>('explain?q=orders')).matches[0]?.plans ?? [];
    const wants = { name: 'orders', state: 'done', step: 2, rung: 'traffic', percent: 100, withdrawn: [] };
    const web = { service: 'web', connected: true, acknowledged: true, acknowledgedAt: expect.any(Number) };
    expect(await explained()).toMatchObject([
      { ...wants, processes: [{ ...web, effective: { rung: 'traffic', percent: 100 } }] },
    ]);
    await envoy.stop();
    await until('it is on the SDK', async () => (await explained())[0]?.processes[0]?.effective?.rung === 'sdk', 60_000);
    expect(await explained()).toMatchObject([{ ...wants, processes: [{ ...web, why: expect.stringContaining('sidecar') }] }]);
    const env = { ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}` };
    const { stdout } = await startCli(['explain', 'orders'], { cwd: directory, env }).ended;
    expect(stdout).toContain('plan orders (port 80) wants callers web at traffic: done, step 2 of 2');
    expect(stdout).toMatch(/web\/\S+ {2}at sdk, not at traffic: .+ {2}acknowledged \S+ \S+ ago/);
  }, 200_000);
});
