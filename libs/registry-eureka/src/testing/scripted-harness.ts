import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import type { FaultHarness, HarnessAbilities } from '@isthmus/registry/testing';
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

export interface OpenOptions {
  readonly password?: string;
  readonly pollInterval?: string;
  readonly timeout?: string;
  readonly restartGrace?: string;
  readonly maxAnswerMegabytes?: number;
  readonly services?: { readonly include?: readonly string[]; readonly exclude?: readonly string[] };
  readonly tls?: { readonly caFile?: string };
  readonly baseDir?: string;
  readonly clock?: Clock;
  readonly onMessage?: (atMs: number) => void;
}

/** A source as tests want it: short times, and a password from the environment. */
export function openEureka(servers: readonly string[], options: OpenOptions = {}): EurekaSource {
  const { password, baseDir = '.', clock = systemClock, onMessage, ...fields } = options;
  const variable = `ISTHMUS_TEST_EUREKA_${(password ?? '').replace(/\W/g, '_').toUpperCase()}`;
  if (password !== undefined) process.env[variable] = password;
  const auth = password === undefined ? {} : { auth: { username: ACCOUNT.username, passwordEnv: variable } };
  const times = { pollInterval: '40ms', timeout: '1500ms', restartGrace: '1s' };
  const config = eurekaSchema.parse({ name: 'old', kind: 'eureka', servers, ...times, ...fields, ...auth });
  const deps = { clock, random: Math.random, baseDir, ...(onMessage === undefined ? {} : { onMessage }) };
  return new EurekaSource(parseSourceId('old'), config, deps);
}

/** The contract on a scripted wire: Eureka's REST in this process, on a loopback port. */
export async function scriptedHarness(): Promise<FaultHarness> {
  const fake = new FakeEureka();
  fake.account = `${ACCOUNT.username}:${ACCOUNT.right}`;
  await fake.start();
  return {
    abilities: EUREKA_ABILITIES,
    scope: { source: parseSourceId('old'), namespace: '', group: '' },
    open: ({ password = 'right' } = {}) => openEureka([fake.url], { password: ACCOUNT[password] }),
    faults: {
      ports: [Number(new URL(fake.url).port)],
      open: async ({ clock, port }) => {
        const url = new URL(fake.url);
        if (port !== undefined) url.port = String(port);
        return openEureka([url.href], { password: ACCOUNT.right, clock });
      },
      revoke: async () => void (fake.account = `${ACCOUNT.username}:another`),
      restore: async () => void (fake.account = `${ACCOUNT.username}:${ACCOUNT.right}`),
    },
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
