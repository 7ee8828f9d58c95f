import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '@isthmus/model/testing';
import { describe, expect, test } from '@jest/globals';
import {
  fourLetterWord,
  http,
  ServerStartError,
  startConsul,
  startDubboProvider,
  startEnvoy,
  startEureka,
  startEurekaCluster,
  startIstiod,
  startNacos2,
  startNacos3,
  startSpringApp,
  startZookeeper,
  type Server,
} from './index.ts';
import { processExists } from './lock.ts';
import { accepts } from './probe.ts';

const patient = 120_000;

/** Starts it, asks it, stops it: then neither its process nor its directory is left. */
async function lives(start: () => Promise<Server>, ask: (server: Server) => Promise<void>): Promise<void> {
  const server = await start();
  const { pid, dir } = server;
  try {
    expect(pid).toBeGreaterThan(0);
    expect(existsSync(dir)).toBe(true);
    // What listens on all addresses answers here as well.
    const open = await Promise.all(
      Object.entries(server.ports).map(async ([name, port]) => [name, await accepts(port, '127.0.0.2')]),
    );
    expect(open.filter(([, answers]) => answers)).toEqual([]);
    await ask(server);
  } finally {
    await server.stop();
  }
  expect(processExists(pid ?? 0)).toBe(false);
  expect(existsSync(dir)).toBe(false);
}

async function status(port: number | undefined, path: string, headers: Record<string, string> = {}): Promise<number> {
  return (await http(port ?? 0, path, { headers, signal: AbortSignal.timeout(5_000) })).status;
}

function ask(port: number | undefined, word: string): Promise<string> {
  return fourLetterWord(port ?? 0, word, AbortSignal.timeout(5_000));
}

const instances = '/nacos/v1/ns/instance/list?serviceName=none';

describe('every server starts on free ports, answers, and leaves nothing when it is stopped', () => {
  test(
    'Envoy',
    () =>
      lives(
        () => startEnvoy({ bootstrap: {}, readyWhen: 'live' }),
        async ({ ports }) => expect(await status(ports['admin'], '/clusters')).toBe(200),
      ),
    patient,
  );

  test.each([
    ['Nacos 2', startNacos2],
    ['Nacos 3', startNacos3],
  ])(
    '%s, with a user of its own',
    async (_name, start) => {
      const auth = { username: 'lab', password: 'a password' };
      await lives(
        () => start({ auth }),
        async ({ ports }) => {
          expect(await status(ports['http'], instances)).toBe(403);
          const login = await http(ports['http'] ?? 0, '/nacos/v1/auth/login', { form: auth });
          const { accessToken } = JSON.parse(login.body) as { accessToken: string };
          expect(await status(ports['http'], `${instances}&accessToken=${accessToken}`)).toBe(200);
        },
      );
    },
    patient,
  );

  test(
    'a Spring Cloud application, which finds itself in Eureka',
    async () => {
      const eureka = await startEureka();
      const fast = {
        'eureka.client.registry-fetch-interval-seconds': '1',
        'eureka.client.initial-instance-info-replication-interval-seconds': '0',
      };
      await lives(
        () => startSpringApp({ registry: 'eureka', address: `http://127.0.0.1:${eureka.ports.http}/eureka/`, properties: fast }),
        async ({ ports }) => {
          const listed = async () =>
            (await http(ports['http'] ?? 0, '/instances/caller')).body.includes(`"port":${ports['http']}`);
          await until('it lists itself', listed, 20_000);
          expect(await status(ports['http'], '/call/nobody')).toBe(502);
        },
      );
      await eureka.stop();
    },
    patient,
  );

  test(
    'Eureka, with a password, and another while it runs',
    async () => {
      const eureka = await startEureka({ auth: { username: 'lab', password: 'p' } });
      const asks = (password: string) => {
        const authorization = `Basic ${Buffer.from(`lab:${password}`).toString('base64')}`;
        return status(eureka.ports.http, '/eureka/apps', { authorization });
      };
      await lives(
        () => Promise.resolve(eureka),
        async ({ ports, pid }) => {
          expect(await status(ports['http'], '/eureka/apps')).toBe(401);
          expect([await asks('p'), await asks('q')]).toEqual([200, 401]);
          await eureka.changePassword('q');
          expect([await asks('p'), await asks('q')]).toEqual([401, 200]);
          expect(eureka.pid).toBe(pid);
        },
      );
    },
    patient,
  );

  test(
    'ZooKeeper',
    () =>
      lives(
        () => startZookeeper(),
        async ({ ports }) => expect(await ask(ports['client'], 'srvr')).toContain('Mode: standalone'),
      ),
    patient,
  );

  test(
    'a Dubbo provider, which listens on loopback and has registered itself as an application and as an interface',
    async () => {
      await using zookeeper = await startZookeeper();
      const registry = `zookeeper://127.0.0.1:${zookeeper.ports.client}`;
      await lives(
        () => startDubboProvider({ registry, version: '1.0.0', weight: 50 }),
        async ({ ports }) => {
          const nodes = decodeURIComponent(await ask(zookeeper.ports.client, 'dump'));
          expect(nodes).toContain(`/services/dubbo-greeter/10.8.8.8:${ports['service']}`);
          expect(nodes).toContain(`/dubbo/isthmus.Greeter/providers/dubbo://10.8.8.8:${ports['service']}/isthmus.Greeter?`);
          expect(nodes).toMatch(/[&]version=1\.0\.0&weight=50&/);
        },
      );
      expect(await ask(zookeeper.ports.client, 'dump')).not.toContain('10.8.8.8');
    },
    patient,
  );

  test(
    'Consul, with a token',
    () => {
      const managementToken = '3f1c9d8e-7c54-4c1e-9a55-0d0a3a7b6c11';
      return lives(
        () => startConsul({ managementToken }),
        async ({ ports }) => {
          expect((await http(ports['http'] ?? 0, '/v1/catalog/services')).body.trim()).toBe('{}');
          const seen = await http(ports['http'] ?? 0, '/v1/catalog/services', { headers: { 'x-consul-token': managementToken } });
          expect(JSON.parse(seen.body)).toEqual({ consul: [] });
        },
      );
    },
    patient,
  );

  test(
    'istiod',
    () =>
      lives(
        () => startIstiod(),
        async ({ ports }) => expect(await status(ports['monitoring'], '/debug/configz')).toBe(200),
      ),
    patient,
  );
});

test(
  'Eureka servers of a cluster pass registrations on',
  async () => {
    const [first, second] = await startEurekaCluster(2);
    try {
      const instance = {
        ...{
          instanceId: 'orders:1',
          hostName: '127.0.0.1',
          ipAddr: '127.0.0.1',
          app: 'ORDERS',
          vipAddress: 'orders',
          status: 'UP',
        },
        dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      };
      const response = await fetch(`http://127.0.0.1:${first?.ports.http}/eureka/apps/ORDERS`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ instance }),
      });
      expect(response.status).toBe(204);
      await until('the second knows it', async () => (await status(second?.ports.http, '/eureka/apps/ORDERS')) === 200);
    } finally {
      await Promise.all([first?.stop(), second?.stop()]);
    }
  },
  patient,
);

test(
  'Consul servers of two datacenters know each other',
  async () => {
    await using first = await startConsul();
    await using second = await startConsul({ datacenter: 'dc2', joinWan: [first.ports.serfWan] });
    await until('dc1 can ask dc2', async () => (await status(first.ports.http, '/v1/catalog/nodes?dc=dc2')) === 200);
    expect(await status(second.ports.http, '/v1/catalog/nodes?dc=dc1')).toBe(200);
  },
  patient,
);

test(
  'a killed Consul comes back on its ports with its data, or without',
  async () => {
    await using consul = await startConsul();
    const key = '/v1/kv/kept';
    await http(consul.ports.http, key, { method: 'PUT' });
    await consul.kill();
    expect(consul.pid).toBeUndefined();
    await expect(status(consul.ports.http, key)).rejects.toThrow('ECONNREFUSED');
    await consul.restart();
    expect(await status(consul.ports.http, key)).toBe(200);
    await consul.restart({ keepData: false });
    expect(await status(consul.ports.http, key)).toBe(404);
  },
  patient,
);

test(
  'a paused server accepts connections and does not answer until it is resumed',
  async () => {
    await using envoy = await startEnvoy({ bootstrap: {} });
    envoy.pause();
    const hanging = http(envoy.ports.admin, '/server_info', { signal: AbortSignal.timeout(300) });
    await expect(hanging).rejects.toThrow(/abort/i);
    envoy.resume();
    expect(await status(envoy.ports.admin, '/server_info')).toBe(200);
  },
  patient,
);

test(
  'a server that cannot start shows the end of its log',
  async () => {
    const error: unknown = await startEnvoy({ bootstrap: { node: { colour: 'blue' } } }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ServerStartError);
    expect((error as ServerStartError).message).toMatch(
      /envoy 1\.40\.0 \(admin \d+\) ended with code 1 before it was ready[^]*colour/,
    );
  },
  patient,
);

test(
  'a server whose parent is killed by SIGKILL ends, with its directory',
  async () => {
    const script = fileURLToPath(new URL('./testing/envoy-parent.ts', import.meta.url));
    const parent = spawn(process.execPath, ['--conditions=source', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said: { pid: number; dir: string } | undefined;
    for await (const line of createInterface(parent.stdout)) {
      said = JSON.parse(line) as { pid: number; dir: string };
      break;
    }
    const { pid = 0, dir = '' } = said ?? {};
    expect(processExists(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until('the server is gone', () => !processExists(pid));
    await until('its directory is gone', () => !existsSync(dir));
  },
  patient,
);
