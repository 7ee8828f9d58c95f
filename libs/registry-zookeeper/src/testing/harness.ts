import { parseSourceId, serviceId, systemClock } from '@isthmus/model';
import type { Clock, ServiceKey, ServiceRecord, SourceEvent } from '@isthmus/model';
import type { RegistrySource } from '@isthmus/registry';
import type { FaultHarness, HarnessAbilities } from '@isthmus/registry/testing';
import { zookeeperConfigSchema } from '../config.ts';
import { ZookeeperSource } from '../source.ts';
import { registrationOf } from './registrations.ts';
import type { Level } from './registrations.ts';

export const testAbilities: HarnessAbilities = { weight: true, disable: true, emptyAfterRestart: true, auth: true };

export const testUser = { username: 'reader', password: 'right-1' } as const;

/** The registry under the harness: the scripted wire or a real server. */
export interface Nodes {
  address(): string;
  set(path: string, data: string): Promise<void>;
  remove(path: string): Promise<void>;
  down(): Promise<void>;
  up(options: { readonly keepData: boolean }): Promise<void>;
  hang(): void;
  resume(): void;
  connections?(): Promise<number>;
  /** Whether its user may read what is below the roots; a new session is the first that notices. */
  allow(mayRead: boolean): Promise<void>;
  close(): Promise<void>;
}

/** The contract suite's harness. At interface level keys are `providers:first::` and versions are part of them; the suite wants `first`. */
export function zookeeperHarness(nodes: Nodes, level: Level, timing: Readonly<Record<string, string>>): FaultHarness {
  const id = parseSourceId('dubbo');
  process.env['ISTHMUS_TEST_RIGHT'] = testUser.password;
  process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
  /** At interface level a change is another node: by service and address the one that is there. */
  const paths = new Map<string, string>();
  const at = (service: string, address: string, port: number) => `${service} ${address} ${port}`;
  const open = (address: string, passwordEnv: string, clock: Clock): RegistrySource => {
    const config = zookeeperConfigSchema.parse({
      name: id,
      kind: 'zookeeper',
      servers: [address],
      auth: { username: testUser.username, passwordEnv },
      ...timing,
    });
    return plainNames(new ZookeeperSource(id, config, { clock, random: Math.random, baseDir: '.' }));
  };
  return {
    abilities: testAbilities,
    scope: { source: id, namespace: '', group: '' },
    open: ({ password = 'right' } = {}) => open(nodes.address(), `ISTHMUS_TEST_${password.toUpperCase()}`, systemClock),
    faults: {
      ports: [Number(nodes.address().split(':')[1])],
      open: async ({ clock, port }) =>
        open(port === undefined ? nodes.address() : `127.0.0.1:${port}`, 'ISTHMUS_TEST_RIGHT', clock),
      revoke: () => nodes.allow(false),
      restore: () => nodes.allow(true),
    },
    register: async (service, instance) => {
      const where = at(service, instance.address, instance.port);
      const { path, data } = registrationOf(level, service, instance);
      const before = paths.get(where);
      if (before !== undefined && before !== path) await nodes.remove(before);
      await nodes.set(path, data);
      paths.set(where, path);
    },
    deregister: async (service, address, port) => {
      const where = at(service, address, port);
      await nodes.remove(paths.get(where) ?? '/none');
      paths.delete(where);
    },
    registerMany: async (prefix, count) => {
      for (let n = 0; n < count; n += 50) {
        const some = Array.from({ length: Math.min(50, count - n) }, (_, m) => n + m);
        await Promise.all(
          some.map((m) => {
            const instance = { address: `10.9.${m >> 8}.${m & 255}`, port: 9_000 };
            const { path, data } = registrationOf(level, `${prefix}-${m}`, instance);
            return nodes.set(path, data);
          }),
        );
      }
    },
    down: () => nodes.down(),
    up: async (options) => {
      if (!options.keepData) paths.clear();
      await nodes.up(options);
    },
    hang: async () => nodes.hang(),
    resume: async () => nodes.resume(),
    ...(nodes.connections === undefined ? {} : { connections: nodes.connections }),
    close: () => nodes.close(),
  };
}

function plainNames(source: RegistrySource): RegistrySource {
  const plain = (key: ServiceKey): ServiceKey => ({ ...key, name: /^providers:(.*)::$/.exec(key.name)?.[1] ?? key.name });
  const plainRecord = (record: ServiceRecord): ServiceRecord => ({
    ...record,
    key: plain(record.key),
    endpoints: record.endpoints.map((endpoint) => {
      const { revision } = endpoint.metadata;
      return revision === undefined ? endpoint : { ...endpoint, metadata: { ...endpoint.metadata, version: revision } };
    }),
  });
  const renamed = (event: SourceEvent): SourceEvent => {
    if (event.kind === 'upsert') return { ...event, service: plainRecord(event.service) };
    if (event.kind === 'remove') return { ...event, key: plain(event.key) };
    if (event.kind !== 'snapshot') return event;
    const services = [...event.services.values()].map(plainRecord);
    return { ...event, services: new Map(services.map((record) => [serviceId(record.key), record])) };
  };
  return {
    id: source.id,
    async *watch(signal) {
      for await (const event of source.watch(signal)) yield renamed(event);
    },
  };
}
