import { systemClock } from '@isthmus/model';
import type { SeenInstance, SinkHarness } from '@isthmus/registry/testing';
import { nacosConfigSchema } from '../config.ts';
import { HttpClient } from '../http.ts';
import { readJsonObject } from '../json-body.ts';
import type { Json } from '../json-body.ts';
import { NacosLogin } from '../login.ts';
import { serverAddress } from '../server-address.ts';
import { nacosSink } from '../sink.ts';
import { defaultTiming } from '../timing.ts';
import { NacosProvider } from './provider.ts';
import type { StartNacos } from './real-harness.ts';

/** The sink contract on a real Nacos. Other services are gRPC connections of this process, as of today's SDKs. */
export async function sinkRealHarness(start: StartNacos): Promise<SinkHarness> {
  const auth = { username: 'writer', password: 'right-1' };
  process.env['ISTHMUS_TEST_RIGHT'] = auth.password;
  process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
  const server = await start({ auth });
  const address = serverAddress(`http://127.0.0.1:${server.ports.http}`, 1_000);
  const http = new HttpClient(defaultTiming.mostMessageBytes);
  const login = new NacosLogin({ username: auth.username, passwordEnv: 'ISTHMUS_TEST_RIGHT' }, '.', http, systemClock, 10_000);
  const { signal } = new AbortController();
  let provider: NacosProvider | undefined;

  const seen = async (service: string): Promise<readonly SeenInstance[]> => {
    await login.ensure(address, signal);
    const query = new URLSearchParams({ serviceName: `DEFAULT_GROUP@@${service}`, namespaceId: 'public', healthyOnly: 'true' });
    const headers = { authorization: `Bearer ${login.current(address)}` };
    const url = `${address.http}/v1/ns/instance/list?${query}`;
    const answer = await http.send({ method: 'GET', url, headers, deadlineMs: 2_000 }, signal);
    if (answer.status === 403) await login.ensure(address, signal, true);
    if (answer.status !== 200) throw new Error(`Nacos answers ${answer.status}`);
    const { hosts } = readJsonObject(answer.body, 'list');
    return (hosts as readonly Json[]).map((host) => ({
      address: String(host['ip']),
      port: Number(host['port']),
      weight: Number(host['weight']),
      metadata: host['metadata'] as Record<string, string>,
    }));
  };

  return {
    ttlMs: 9_000,
    goneWithinMs: 30_000,
    wire: (password = 'right') =>
      nacosSink(
        nacosConfigSchema.parse({
          name: 'target',
          kind: 'nacos',
          servers: [`http://127.0.0.1:${server.ports.http}`],
          auth: { username: auth.username, passwordEnv: password === 'right' ? 'ISTHMUS_TEST_RIGHT' : 'ISTHMUS_TEST_WRONG' },
        }),
        { clock: systemClock, baseDir: '.', meshId: 'shop' },
        4_000,
      ),
    seen,
    register: async (name, ip, port) => {
      if (provider === undefined) {
        await login.ensure(address, signal, true);
        provider = new NacosProvider({ address: address.grpc, token: login.current(address) });
        await provider.connect();
      }
      await provider.provide({ name, instances: [{ ip, port }] });
      while ((await seen(name)).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    },
    down: () => server.kill(),
    up: ({ keepData }) => server.restart({ keepData }),
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: async () => {
      provider?.close();
      http.close();
      await server.stop();
    },
  };
}
