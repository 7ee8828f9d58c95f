import { systemClock } from '@isthmus/model';
import type { SeenInstance, SinkHarness } from '@isthmus/registry/testing';
import { startEureka } from '@isthmus/servers';
import { eurekaSchema } from '../config.ts';
import { eurekaSink } from '../sink.ts';
import { EurekaRest } from './eureka-rest.ts';
import { wireInstance } from './wire-instance.ts';

interface ListedInstance {
  readonly ipAddr: string;
  readonly status: string;
  readonly port: { readonly $: number };
  readonly metadata: Readonly<Record<string, string>>;
}

/** The sink contract on a real Eureka behind Spring Security; callers see what is UP. */
export async function sinkRealHarness({ hashed = false } = {}): Promise<SinkHarness> {
  const account = { username: 'lab', password: 'right-password' };
  process.env['ISTHMUS_TEST_EUREKA_RIGHT'] = account.password;
  process.env['ISTHMUS_TEST_EUREKA_WRONG'] = 'wrong-password';
  // A reader that asks while somebody registers may fill Eureka's cache with what was there before, for three minutes by default.
  const properties = { 'eureka.server.response-cache-auto-expiration-in-seconds': '1' };
  const server = await startEureka({ auth: { ...account, hashed }, properties });
  const url = `http://127.0.0.1:${server.ports.http}/eureka`;
  const authorization = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;
  const rest = new EurekaRest(url, `${account.username}:${account.password}`);
  return {
    ttlMs: 6_000,
    goneWithinMs: 40_000, // an instance lives for two leases (Netflix eureka#1085), and evictions run every 2 s here
    wire: (password = 'right') => {
      const auth = { username: account.username, passwordEnv: `ISTHMUS_TEST_EUREKA_${password.toUpperCase()}` };
      const config = eurekaSchema.parse({ name: 'target', kind: 'eureka', servers: [url], timeout: '5s', auth });
      return eurekaSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' });
    },
    seen: async (service): Promise<readonly SeenInstance[]> => {
      const answer = await fetch(`${url}/apps/${service.toUpperCase()}`, {
        headers: { accept: 'application/json', authorization },
        signal: AbortSignal.timeout(5_000),
      });
      if (answer.status === 404) return [];
      if (!answer.ok) throw new Error(`Eureka answers ${answer.status}`);
      const { application } = (await answer.json()) as { application: { instance: readonly ListedInstance[] } };
      return application.instance
        .filter((instance) => instance.status === 'UP')
        .map(({ ipAddr, port, metadata }) => ({
          address: ipAddr,
          port: port.$,
          weight: Number(metadata['weight'] ?? 1),
          metadata,
        }));
    },
    register: (service, address, port) => rest.register(wireInstance(service, { address, port }, { leaseSeconds: 3_600 })),
    down: () => server.kill(),
    up: ({ keepData }) => server.restart({ keepData }),
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: async () => {
      rest.close();
      await server.stop();
    },
  };
}
