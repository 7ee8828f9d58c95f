import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, ShadowView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, NacosPorts } from '@isthmus/servers';
import { AgentCaller } from './support/agent-caller.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import type { CliOutcome } from './support/cli.ts';

const HOST = 'orders.default-group.public.nacos';
const PLAN = `
apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: ${HOST}
  consumers: [web]
  steps: [{ rung: shadow, for: 1h }, { rung: discovery, for: 1h }]
`;

describe('what npm nacos sees of orders, and what the mesh does', () => {
  let nacos: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;
  let caller: AgentCaller;
  let heavy: Instance;
  let light: Instance;

  const shadow = async (): Promise<ShadowView | undefined> =>
    (await bridge.get<ItemList<ShadowView>>(`shadow?host=${HOST}`)).items[0];
  const until1 = (what: string): Promise<void> =>
    until(`${what}; the agent said ${caller.log}`, async () => {
      const view = await shadow();
      return view?.processes === 1 && view.similarity === 1 && view.divergences.length === 0;
    }, 60_000); // prettier-ignore
  const register = async (method: 'POST' | 'DELETE', { port }: Instance, weight: number): Promise<void> => {
    const query = new URLSearchParams({ serviceName: 'orders', ip: '127.0.0.1', port: String(port), weight: String(weight), ephemeral: 'false' }); // prettier-ignore
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method });
    expect(answer.status).toBe(200);
  };
  const steer = async (path: string, body?: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await bridge.adminToken()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/yaml' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
  };

  beforeAll(async () => {
    nacos = await borrowNacos2();
    [heavy, light] = await Promise.all([Instance.start(), Instance.start()]);
    await register('POST', heavy, 3);
    await register('POST', light, 1);
    bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }], {
      agents: { open: ['web'], reportEvery: '1s' },
      liveness: {
        checks: [
          { name: 'health', services: ['shop/*'], type: 'http', path: '/healthz', targets: ['127.0.0.0/8'], interval: '1s' },
        ],
      },
    });
    await until('the bridge knows orders', async () => (await bridge.get<ItemList<object>>(`endpoints?host=${HOST}`)).items.length === 2); // prettier-ignore
    await steer('', PLAN);
    caller = AgentCaller.start(nacos.ports.http, 'orders', {
      ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
      ISTHMUS_SERVICE: 'web',
    });
  }, 240_000);

  afterAll(async () => {
    await caller?.stop();
    await bridge?.close();
    await nacos?.giveBack();
    await Promise.all([heavy?.stop(), light?.stop()]);
  }, 60_000);

  test('is equal in steady state, weights included', async () => {
    await until1('both views are equal');
    expect(await shadow()).toMatchObject({ host: HOST, port: 80, windowMs: 20_000 });
    expect(Math.min(heavy.calls, light.calls)).toBeGreaterThan(0);
  }, 90_000);

  test('differs where a check takes an instance out of the mesh, and says so once it has lasted', async () => {
    light.isWell = false;
    const at = `127.0.0.1:${light.port}`;
    await until('the difference counts', async () => (await shadow())?.divergences.some(({ counts }) => counts) === true, 90_000);
    const view = await shadow();
    expect(view).toMatchObject({
      similarity: 0.5,
      divergences: [{ at, kind: 'health', sdk: 'healthy', mesh: 'unhealthy', code: 'failed-check', processes: 1 }],
    });
    expect(view?.divergences[0]?.explanation).toContain('check health');
    const diff = await isthmus(bridge, 'diff', HOST);
    expect(diff).toMatchObject({ code: 1, stdout: expect.stringContaining('failed-check'), stderr: expect.stringContaining('similarity 0.500') }); // prettier-ignore
    light.isWell = true;
    await until1('both views are equal again');
    expect((await isthmus(bridge, 'diff', HOST)).code).toBe(0);
  }, 240_000);

  test('is picked from at discovery: by the weights of the registry, past an instance that the SDK still calls', async () => {
    await caller.report();
    await steer('/orders/promote');
    // The SDK calls its two instances in turn; the agent picks by their weights.
    await until('calls go by weight', async () => {
      const before = [heavy.calls, light.calls] as const;
      await until('200 calls', () => heavy.calls + light.calls >= before[0] + before[1] + 200, 60_000);
      const share = (heavy.calls - before[0]) / (heavy.calls + light.calls - before[0] - before[1]);
      return share > 0.65 && share < 0.85;
    }, 90_000); // prettier-ignore
    light.isWell = false;
    await until('the light one is left alone', async () => {
      const before = [heavy.calls, light.calls] as const;
      await until('100 calls', () => heavy.calls >= before[0] + 100, 60_000);
      return light.calls === before[1];
    }, 90_000); // prettier-ignore
    light.isWell = true;
    expect((await caller.report()).failures).toEqual([]);
  }, 240_000);

  test('goes on without a failed call while the bridge stands still', async () => {
    await caller.report();
    bridge.signal('SIGSTOP');
    const before = heavy.calls + light.calls;
    await until('500 more calls', () => heavy.calls + light.calls >= before + 500, 90_000);
    bridge.signal('SIGCONT');
    expect((await caller.report()).failures).toEqual([]);
  }, 120_000);

  test('differs where the client keeps what Nacos has dropped, which is a bug of the client', async () => {
    await until1('both views are equal before');
    await register('DELETE', heavy, 3);
    await register('DELETE', light, 1);
    await until(
      'the bug is named',
      async () => {
        const codes = (await shadow())?.divergences.map(({ code, counts }) => `${code} ${counts}`) ?? [];
        return codes.length === 2 && codes.every((code) => code === 'client-bug true');
      },
      120_000,
    );
    expect((await shadow())?.divergences[0]?.explanation).toContain('nacos-last-removal-missed');
  }, 240_000);
});

/** The built CLI. */
function isthmus(bridge: BridgeProcess, ...args: readonly string[]): Promise<CliOutcome> {
  return startCli(args, { cwd: bridge.directory, env: { ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}` } }).ended;
}

/** An instance whose health is asked at a path of its own. */
class Instance {
  readonly port: number;
  calls = 0;
  isWell = true;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<Instance> {
    const server = createServer({ keepAliveTimeout: 0 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const instance = new Instance(server);
    server.on('request', ({ url }, response) => {
      if (url === '/healthz') {
        response.writeHead(instance.isWell ? 200 : 503).end();
        return;
      }
      instance.calls += 1;
      response.end('ok');
    });
    return instance;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
