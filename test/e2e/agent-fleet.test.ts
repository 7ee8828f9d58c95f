import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentView, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { AgentCaller } from './support/agent-caller.ts';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.default-group.public.nacos';
const TOKEN = 'a-token-of-the-service-web';

describe('a fleet of agents that follow the plans of a bridge', () => {
  let nacos: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let backend: Backend;
  let directory: string;
  const callers: AgentCaller[] = [];
  const served = { sdk: 0, mesh: 0 };

  /** Waits until the instance has seen so many more calls by a way. */
  const more = async (way: 'sdk' | 'mesh', calls: number): Promise<void> => {
    const from = served[way];
    const said = (): string => callers.map(({ log }) => log).join('');
    await until(`${calls} more calls by ${way}; the agents said ${said()}; the bridge ${bridge.log.slice(-3_000)}`, () => served[way] >= from + calls, 60_000); // prettier-ignore
  };
  const agents = async (): Promise<readonly AgentView[]> => (await bridge.get<ItemList<AgentView>>('agents')).items;
  const steer = async (method: string, path: string, body?: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans${path}`, {
      method,
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/yaml' },
      ...(body === undefined ? {} : { body }),
    });
    expect([answer.status, answer.ok ? '' : await answer.text()]).toEqual([200, '']);
  };
  const failures = async (): Promise<readonly string[]> =>
    (await Promise.all(callers.map((caller) => caller.report()))).flatMap((report) => report.failures);

  beforeAll(async () => {
    nacos = await borrowNacos2();
    backend = await Backend.start('a');
    backend.onCall = (headers) => {
      const proxied = headers['x-envoy-expected-rq-timeout-ms'] !== undefined || headers['x-request-id'] !== undefined;
      served[proxied ? 'mesh' : 'sdk'] += 1;
    };
    const query = new URLSearchParams({ serviceName: 'orders', ip: '127.0.0.1', port: String(backend.port), ephemeral: 'false' });
    const registered = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method: 'POST' });
    expect(registered.status).toBe(200);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-fleet-'));
    const tokensFile = join(directory, 'agents');
    await writeFile(tokensFile, `web ${TOKEN}\nadmin another-token-0123456789\n`, { mode: 0o600 });
    await writeFile(join(directory, 'web.token'), TOKEN, { mode: 0o600 });
    bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }], {
      agents: { tokensFile, ping: '1s', reportEvery: '1s' },
    });
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    await until('the instance is in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 1);
    for (let n = 0; n < 2; n += 1)
      callers.push(
        AgentCaller.start(nacos.ports.http, 'orders', {
          ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
          ISTHMUS_SERVICE: 'web',
          ISTHMUS_TOKEN_FILE: join(directory, 'web.token'),
          ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
          ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
        }),
      );
  }, 300_000);

  afterAll(async () => {
    await Promise.all(callers.map((caller) => caller.stop()));
    await envoy?.stop();
    await bridge?.close();
    await nacos?.giveBack();
    await backend?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('are there by their token, have no plan, and leave every call to the SDK', async () => {
    await until(
      'both are connected',
      async () => (await agents()).filter((one) => one.connectedSince !== undefined).length === 2,
    );
    await more('sdk', 50);
    expect(served.mesh).toBe(0);
    expect((await agents()).map(({ service, targets }) => [service, targets])).toEqual([['web', []], ['web', []]]); // prettier-ignore
  }, 90_000);

  test('without a token, with that of another service, or with the admin’s are turned away', async () => {
    const ask = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/agents/${path}`, init)).status;
    const by = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
    const stream = 'stream?service=web&instance=i';
    expect(await ask(stream)).toBe(401);
    expect(await ask(stream, by(await bridge.adminToken()))).toBe(401);
    expect(await ask(stream, by('another-token-0123456789'))).toBe(403);
    const report = {
      schema: 1,
      service: 'web',
      instance: 'i',
      agent: '0',
      node: 'v0',
      planVersion: '',
      targets: [],
      diagnostics: [],
    };
    const post = (token: string, body: string): RequestInit => ({
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    });
    expect(await ask('reports', post('another-token-0123456789', JSON.stringify(report)))).toBe(403);
    expect(await ask('reports', post(TOKEN, '{"schema":1}'))).toBe(400);
    expect(await ask('reports', post(TOKEN, JSON.stringify({ ...report, agent: 'x'.repeat(2_000_000) })))).toBe(413);
    expect(await ask('reports', post(TOKEN, JSON.stringify(report)))).toBe(200);
  }, 60_000);

  test('move to the sidecar when a plan says so, without a failed call, and say that they did', async () => {
    const plan = `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: ${HOST}
  consumers: [web]
  steps: [{ rung: traffic, for: 1h }]
`;
    await steer('POST', '', plan);
    await more('mesh', 100);
    await until('both have said so', async () => {
      const there = (await agents()).filter((one) => one.instance !== 'i');
      return there.length === 2 && there.every((one) => one.acknowledged && one.targets[0]?.rung === 'traffic');
    });
    expect(await failures()).toEqual([]);
    const metrics = await (await fetch(`http://127.0.0.1:${bridge.ports.control}/metrics`)).text();
    expect(metrics).toMatch(/agent_targets\{[^}]*rung="traffic"[^}]*\} 2/);
  }, 120_000);

  test('stay where they are when the bridge is killed, and go on by its plans when it is back', async () => {
    await bridge.end('SIGKILL');
    await more('mesh', 200);
    expect(await failures()).toEqual([]);
    await bridge.run();
    await until(
      'both are back',
      async () => (await agents()).filter((one) => one.connectedSince !== undefined).length === 2,
      90_000,
    );
    await more('mesh', 50);
    await steer('POST', '/orders/rollback');
    await more('sdk', 100);
    expect(await failures()).toEqual([]);
  }, 240_000);

  test('say why they are lower than the plan wants when their sidecar is killed, and go on by the SDK', async () => {
    await steer('POST', '/orders/resume');
    await more('mesh', 50);
    await envoy.kill();
    await more('sdk', 100);
    await until('the bridge knows', async () =>
      (await agents()).some((one) => one.targets[0]?.why?.includes('sidecar') === true),
    );
    expect(await failures()).toEqual([]);
  }, 120_000);
});
