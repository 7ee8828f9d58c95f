import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { AgentCaller } from './support/agent-caller.ts';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.default-group.public.nacos';

describe('a service that finds orders by npm nacos, with the agent before it', () => {
  let nacos: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let caller: AgentCaller;
  let directory: string;
  let version = 0;
  const orders: Counted[] = [];

  const plan = async (more: Pick<AgentTarget, 'rung'> & Partial<AgentTarget>): Promise<void> => {
    const addresses = orders.map(({ backend }) => `127.0.0.1:${backend.port}`);
    const text: AgentPlan = { schema: 1, version: String((version += 1)), targets: [{ host: HOST, addresses, ...more }] };
    const file = join(directory, 'plan.json');
    await writeFile(`${file}.new`, JSON.stringify(text));
    await rename(`${file}.new`, file);
  };
  const served = () => ({
    sdk: orders.reduce((sum, { direct }) => sum + direct, 0),
    mesh: orders.reduce((sum, { proxied }) => sum + proxied, 0),
  });
  /** Waits until the instances have seen so many more calls by a way. */
  const more = async (way: 'sdk' | 'mesh', calls: number): Promise<void> => {
    const from = served()[way];
    await until(`${calls} more calls by ${way}; the agent said ${caller.log}`, () => served()[way] >= from + calls, 60_000);
  };

  beforeAll(async () => {
    nacos = await borrowNacos2();
    for (const name of ['a', 'b']) orders.push(await Counted.start(name));
    for (const { backend } of orders) {
      const query = new URLSearchParams({
        serviceName: 'orders',
        ip: '127.0.0.1',
        port: String(backend.port),
        ephemeral: 'false',
      });
      const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method: 'POST' });
      expect(answer.status).toBe(200);
    }
    bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }]);
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    await until('both instances are in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 2);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-agent-'));
    await plan({ rung: 'sdk' });
    caller = AgentCaller.start(nacos.ports.http, 'orders', {
      ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    });
  }, 240_000);

  afterAll(async () => {
    await caller?.stop();
    await envoy?.stop();
    await bridge?.close();
    await nacos?.giveBack();
    await Promise.all(orders.map(({ backend }) => backend.stop()));
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('calls its instances while the plan says sdk', async () => {
    await more('sdk', 100);
    expect(served().mesh).toBe(0);
    expect((await caller.report()).failures).toEqual([]);
  }, 90_000);

  test('moves to the sidecar and back, by http and by fetch, as the same process and without a failed call', async () => {
    const { pid } = caller;
    for (let turn = 0; turn < 5; turn += 1) {
      await plan({ rung: 'traffic' });
      await more('mesh', 100);
      await plan({ rung: 'sdk' });
      await more('sdk', 100);
    }
    await plan({ rung: 'traffic', percent: 50 });
    await Promise.all([more('sdk', 100), more('mesh', 100)]);
    const { calls, failures } = await caller.report();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(1_000);
    expect(caller.pid).toBe(pid);
  }, 300_000);

  test('is called once for each call at every rung: nobody sent one twice', async () => {
    const times = new Map<string, number>();
    for (const one of orders) one.times = times;
    await plan({ rung: 'traffic' });
    await more('mesh', 200);
    await plan({ rung: 'sdk' });
    await more('sdk', 200);
    expect(times.size).toBeGreaterThanOrEqual(400);
    expect([...times].filter(([, count]) => count > 1)).toEqual([]);
  }, 90_000);

  test('goes on by the SDK when its sidecar accepts and hangs: only calls that it has wait, until the caller gives them up', async () => {
    await plan({ rung: 'traffic' });
    await more('mesh', 100);
    await caller.report();
    envoy.pause();
    const failed: string[] = [];
    try {
      await more('sdk', 200);
      expect(caller.log).toContain('sidecar-lost');
      // The caller begins at most 100 calls a second and gives one up after 5 s: what went to the sidecar is over then.
      let well = 0;
      await until(
        () => `600 calls in a row went well; ${well} did, before them ${failed.slice(-3).join()}`,
        async () => {
          const { calls, failures } = await caller.report();
          failed.push(...failures);
          well = failures.length > 0 ? 0 : well + calls;
          return well > 600;
        },
        120_000,
      );
      expect(failed.filter((words) => !/no answer|timeout/i.test(words))).toEqual([]);
    } finally {
      envoy.resume();
    }
    await more('mesh', 200);
    expect((await caller.report()).failures).toEqual([]);
  }, 240_000);

  test('goes on by the SDK when its sidecar is killed, without a failed call, and returns when there is one again', async () => {
    await plan({ rung: 'traffic' });
    await more('mesh', 100);
    await caller.report();
    await envoy.kill();
    await more('sdk', 200);
    expect(caller.log).toContain('sidecar-lost');
    await envoy.restart();
    await more('mesh', 200);
    const { calls, failures } = await caller.report();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(300);
  }, 180_000);
});

/** An instance that tells calls by Envoy, which names itself in a header, from those of the SDK. */
class Counted {
  readonly backend: Backend;
  proxied = 0;
  direct = 0;
  /** How often each call arrived. */
  times = new Map<string, number>();

  private constructor(backend: Backend) {
    this.backend = backend;
  }

  static async start(name: string): Promise<Counted> {
    const backend = await Backend.start(name);
    const counted = new Counted(backend);
    backend.onCall = (headers) => {
      const call = String(headers['x-call']);
      counted.times.set(call, (counted.times.get(call) ?? 0) + 1);
      if (headers['x-envoy-expected-rq-timeout-ms'] !== undefined || headers['x-request-id'] !== undefined) counted.proxied += 1;
      else counted.direct += 1;
    };
    return counted;
  }
}
