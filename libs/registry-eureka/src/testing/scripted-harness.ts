import { parseSourceId, systemClock } from '@isthmus/model';
import type { HarnessAbilities, RegistryHarness } from '@isthmus/registry/testing';
import { eurekaSchema } from '../config.ts';
import { EurekaSource } from '../source.ts';
import { FakeEureka } from './fake-eureka.ts';
import { instanceId, wireInstance } from './wire-instance.ts';

export const EUREKA_ABILITIES: HarnessAbilities = {
  weight: true, // as metadata "weight": Eureka itself has none
  disable: true,
  emptyAfterRestart: true,
  auth: true,
};

const ACCOUNT = { username: 'lab', right: 'right-password', wrong: 'wrong-password' };

/** A source as the contract suite wants it: short times, and a password from the environment. */
export function openEureka(
  servers: readonly string[],
  options: {
    readonly password?: string;
    readonly pollInterval?: string;
    readonly timeout?: string;
    readonly restartGrace?: string;
  } = {},
): EurekaSource {
  const { password, pollInterval = '40ms', timeout = '400ms', restartGrace = '1s' } = options;
  const variable = `ISTHMUS_TEST_EUREKA_${password === undefined ? 'NONE' : password.replace(/\W/g, '_').toUpperCase()}`;
  if (password !== undefined) process.env[variable] = password;
  const config = eurekaSchema.parse({
    name: 'old',
    kind: 'eureka',
    servers,
    pollInterval,
    timeout,
    restartGrace,
    ...(password === undefined ? {} : { auth: { username: ACCOUNT.username, passwordEnv: variable } }),
  });
  return new EurekaSource(parseSourceId('old'), config, { clock: systemClock, random: Math.random, baseDir: '.' });
}

/** The contract on a scripted wire: Eureka's REST in this process, on a loopback port. */
export async function scriptedHarness(): Promise<RegistryHarness> {
  const fake = new FakeEureka();
  fake.account = `${ACCOUNT.username}:${ACCOUNT.right}`;
  await fake.start();
  return {
    abilities: EUREKA_ABILITIES,
    scope: { source: parseSourceId('old'), namespace: '', group: '' },
    open: ({ password = 'right' } = {}) => openEureka([fake.url], { password: ACCOUNT[password] }),
    register: async (service, instance) => {
      fake.register(wireInstance(service, instance));
      if (instance.enabled !== undefined) {
        const id = instanceId(service, instance.address, instance.port);
        fake.override(service, id, instance.enabled ? undefined : 'OUT_OF_SERVICE');
      }
    },
    deregister: async (service, address, port) => fake.deregister(service, instanceId(service, address, port)),
    registerMany: async (prefix, count) => {
      for (let n = 0; n < count; n += 1)
        fake.register(wireInstance(`${prefix}-${n}`, { address: `10.9.${n >> 8}.${n & 255}`, port: 80 }));
    },
    down: () => fake.stop(),
    up: async ({ keepData }) => {
      if (!keepData) fake.forgetEverything();
      await fake.start();
    },
    hang: async () => fake.hang(),
    resume: async () => fake.resume(),
    connections: async () => fake.connections,
    close: () => fake.stop(),
  };
}
