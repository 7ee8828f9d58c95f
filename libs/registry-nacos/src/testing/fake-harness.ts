import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import type { FaultHarness, RegistryHarness, TestInstance } from '@isthmus/registry/testing';
import { nacosConfigSchema } from '../config.ts';
import { NacosSource } from '../source.ts';
import type { NacosTiming } from '../timing.ts';
import { FakeNacos } from './fake-nacos.ts';
import type { FakeNacosOptions } from './fake-nacos.ts';
import type { FakeInstance } from './fake-store.ts';

/** Short enough that a hang is noticed soon, long enough for a busy machine. */
export const testTiming: NacosTiming = {
  healthCheckEvery: 200,
  requestDeadline: 2_000,
  reconnectBase: 50,
  groupsEvery: 400,
  fuzzyResyncEvery: 1_000,
  verifyEvery: 600_000,
  grpcProbeEvery: 60_000,
  mostMessageBytes: 4 * 1024 * 1024,
};

export const testAbilities = { weight: true, disable: true, emptyAfterRestart: true, auth: true } as const;

/** The contract suite's harness on the scripted wire. */
export async function fakeHarness(
  options: FakeNacosOptions & { readonly api?: 'auto' | 'grpc' | 'http'; readonly abilities?: RegistryHarness['abilities'] } = {},
): Promise<FaultHarness & { readonly fake: FakeNacos }> {
  const abilities = options.abilities ?? testAbilities;
  const auth = { username: 'reader', password: 'right' };
  const fake = await FakeNacos.start({ ...options, ...(abilities.auth ? { auth } : {}) });
  const id = parseSourceId('shop');
  const name = (service: string) => ({ namespace: 'public', group: 'DEFAULT_GROUP', name: service });
  const address = (instance: FakeInstance) => `${String(instance.ip)} ${String(instance.port)}`;
  const fakeInstance = (instance: TestInstance): FakeInstance => ({
    ip: instance.address,
    port: instance.port,
    weight: instance.weight ?? 1,
    healthy: instance.healthy ?? true,
    enabled: instance.enabled ?? true,
    metadata: instance.metadata ?? {},
  });
  process.env['ISTHMUS_TEST_RIGHT'] = auth.password;
  process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
  const open = (url: string, password: 'right' | 'wrong', clock: Clock): NacosSource => {
    const config = nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: [url],
      api: options.api ?? 'auto',
      groups: ['*'],
      listInterval: '200ms',
      restartGrace: '1s',
      ...(abilities.auth ? { auth: { username: auth.username, passwordEnv: `ISTHMUS_TEST_${password.toUpperCase()}` } } : {}),
    });
    return new NacosSource(id, config, { clock, random: Math.random, baseDir: '.' }, testTiming);
  };
  return {
    fake,
    abilities,
    scope: { source: id, namespace: 'public', group: 'DEFAULT_GROUP' },
    open: ({ password = 'right' } = {}) => open(fake.url, password, systemClock),
    faults: {
      ports: [fake.httpPort, fake.httpPort + 1_000],
      open: async ({ clock, port = fake.httpPort }) => open(`http://127.0.0.1:${port}`, 'right', clock),
      revoke: async () => {
        auth.password = 'another';
        fake.revokeTokens();
      },
      restore: async () => void (auth.password = 'right'),
    },
    register: async (service, instance) => {
      const others = fake.store.get(name(service)).filter((other) => address(other) !== `${instance.address} ${instance.port}`);
      fake.set(name(service), [...others, fakeInstance(instance)]);
    },
    deregister: async (service, ip, port) => {
      fake.set(
        name(service),
        fake.store.get(name(service)).filter((other) => address(other) !== `${ip} ${port}`),
      );
    },
    registerMany: async (prefix, count) => {
      for (let n = 0; n < count; n += 1) {
        fake.set(name(`${prefix}-${n}`), [{ ip: `10.9.${n >> 8}.${n & 255}`, port: 9_000 }]);
      }
    },
    down: () => fake.down(),
    up: async ({ keepData }) => {
      if (!keepData) fake.store.clear();
      await fake.up();
    },
    hang: async () => fake.hang(),
    resume: async () => fake.resume(),
    connections: () => fake.connections(),
    close: () => fake.down(),
  };
}
