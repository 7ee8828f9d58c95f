import { parseSourceId } from '@isthmus/model';
import type { FaultHarness, TestInstance } from '@isthmus/registry/testing';
import type { startEureka } from '@isthmus/servers';
import { EurekaRest } from './eureka-rest.ts';
import { EUREKA_ABILITIES, openEureka } from './scripted-harness.ts';
import { wireInstance } from './wire-instance.ts';

export const ACCOUNT = { username: 'lab', right: 'right-password', wrong: 'wrong-password' };
/** Nobody renews in these tests: what is registered stays until it is deregistered. */
const LEASE = { leaseSeconds: 3_600 };

const TIMES = { pollInterval: '200ms', timeout: '2s', restartGrace: '4s' };

/** The contract on a real Eureka behind Spring Security. */
export async function realHarness(start: typeof startEureka): Promise<FaultHarness & { readonly url: string }> {
  const server = await start({ auth: { username: ACCOUNT.username, password: ACCOUNT.right } });
  const url = `http://127.0.0.1:${server.ports.http}/eureka`;
  let rest = new EurekaRest(url, `${ACCOUNT.username}:${ACCOUNT.right}`);
  const providers = new Map<string, { readonly service: string; readonly instance: TestInstance }>();
  const key = (service: string, address: string, port: number) => `${service} ${address} ${port}`;

  const everyoneRegisters = () =>
    rest.registerAll([...providers.values()].map(({ service, instance }) => wireInstance(service, instance, LEASE)));
  const changePassword = async (password: string) => {
    await server.changePassword(password);
    rest.close();
    rest = new EurekaRest(url, `${ACCOUNT.username}:${password}`);
  };

  return {
    url,
    abilities: EUREKA_ABILITIES,
    scope: { source: parseSourceId('old'), namespace: '', group: '' },
    open: ({ password = 'right' } = {}) => openEureka([url], { password: ACCOUNT[password], ...TIMES }),
    faults: {
      ports: [server.ports.http],
      open: async ({ clock, port = server.ports.http }) =>
        openEureka([`http://127.0.0.1:${port}/eureka`], { password: ACCOUNT.right, clock, ...TIMES }),
      revoke: () => changePassword('another-password'),
      restore: () => changePassword(ACCOUNT.right),
    },
    register: async (service, instance) => {
      providers.set(key(service, instance.address, instance.port), { service, instance });
      await rest.register(wireInstance(service, instance, LEASE));
      if (instance.enabled !== undefined) {
        await rest.override(service, instance.address, instance.port, instance.enabled ? undefined : 'OUT_OF_SERVICE');
      }
    },
    deregister: async (service, address, port) => {
      providers.delete(key(service, address, port));
      await rest.deregister(service, address, port);
    },
    registerMany: async (prefix, count) => {
      const many = Array.from({ length: count }, (_, n) => ({
        service: `${prefix}-${n}`,
        instance: { address: `10.9.${n >> 8}.${n & 255}`, port: 80 },
      }));
      for (const { service, instance } of many) providers.set(key(service, instance.address, 80), { service, instance });
      await rest.registerAll(many.map(({ service, instance }) => wireInstance(service, instance, LEASE)));
    },
    down: () => server.kill(),
    up: async ({ keepData }) => {
      await server.restart({ keepData });
      // A restarted Eureka is empty either way; with "its data" means that the providers, whose renewals it answers with
      // 404, have all registered again.
      if (!keepData) return providers.clear();
      await everyoneRegisters();
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: async () => {
      rest.close();
      await server.stop();
    },
  };
}
