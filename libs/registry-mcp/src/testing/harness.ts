import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock, Resource } from '@isthmus/model';
import { USUAL_FAULTS } from '@isthmus/registry/testing';
import type { FaultHarness, FaultRow, HarnessAbilities, TestInstance } from '@isthmus/registry/testing';
import { mcpSchema } from '../config.ts';
import { McpSource } from '../source.ts';
import { SERVICE_ENTRY } from '../types.ts';
import { FakeMcp } from './fake-mcp.ts';
import type { FakeMcpOptions } from './fake-mcp.ts';
import { bridgeEntry } from './mcp-resource.ts';
import { TcpGate } from './tcp-gate.ts';

export const MCP_ABILITIES: HarnessAbilities = {
  weight: true,
  disable: true, // a bridge leaves out what takes no traffic
  emptyAfterRestart: false, // a bridge answers when its registries have been read, so its first answer is the truth
  auth: true,
  lastWord: false,
};

export const MCP_FAULTS: FaultRow = {
  ...USUAL_FAULTS,
  'restarted empty': { state: 'held' },
  'restarted with half': { state: 'held' },
};

export const ID = parseSourceId('other');
export const SERVICES = SERVICE_ENTRY[0] as (typeof SERVICE_ENTRY)[number];
export const TOKENS = { right: 'the-right-token', wrong: 'a-wrong-token' } as const;

/** Short times for tests. */
export function openMcp(servers: readonly string[], fields: object = {}, baseDir = '.', clock: Clock = systemClock): McpSource {
  const config = mcpSchema.parse({ name: ID, kind: 'mcp', servers, timeout: '1s', keepalive: '300ms', ...fields });
  return new McpSource(ID, config, { clock, random: Math.random, baseDir });
}

/** The server of a harness, behind a gate that plays its failures. */
export interface McpBackend {
  readonly port: number;
  put(resources: readonly Resource[]): void;
  remove(name: string): void;
  clear(): void;
  /** The right token counts, or only another one. */
  allow(isRight: boolean): Promise<void>;
  close(): Promise<void> | void;
}

export async function fakeBackend(options: FakeMcpOptions): Promise<McpBackend> {
  const fake = new FakeMcp({ token: TOKENS.right, ...options });
  await fake.listen();
  return {
    port: fake.port,
    put: (resources) => fake.put(SERVICES, ...resources),
    remove: (name) => fake.remove(SERVICES, name),
    clear: () => fake.clear(),
    allow: async (isRight) => void (fake.token = isRight ? TOKENS.right : 'a-new-token'),
    close: () => fake.close(),
  };
}

export async function mcpHarness(backend: McpBackend): Promise<FaultHarness> {
  const gate = new TcpGate(backend.port);
  await gate.open();
  const services = new Map<string, Map<string, TestInstance>>();
  const publish = (service: string): void => {
    const instances = [...(services.get(service)?.values() ?? [])];
    if (instances.length > 0) backend.put([bridgeEntry(service, instances)]);
    else backend.remove(`isthmus/${service}`);
  };
  for (const [name, token] of Object.entries(TOKENS)) process.env[`ISTHMUS_TEST_MCP_${name.toUpperCase()}`] = token;
  return {
    abilities: MCP_ABILITIES,
    scope: { source: ID, namespace: '', group: '' },
    open: ({ password = 'right' } = {}) =>
      openMcp([gate.address], { auth: { tokenEnv: `ISTHMUS_TEST_MCP_${password.toUpperCase()}` } }),
    faults: {
      ports: [gate.port],
      open: async ({ clock, port = gate.port }) =>
        openMcp([`127.0.0.1:${port}`], { auth: { tokenEnv: 'ISTHMUS_TEST_MCP_RIGHT' }, keepalive: '1s' }, '.', clock),
      revoke: () => backend.allow(false),
      restore: () => backend.allow(true),
    },
    register: async (service, instance) => {
      const instances = services.get(service) ?? new Map<string, TestInstance>();
      services.set(service, instances.set(`${instance.address}:${instance.port}`, instance));
      publish(service);
    },
    deregister: async (service, address, port) => {
      services.get(service)?.delete(`${address}:${port}`);
      publish(service);
    },
    registerMany: async (prefix, count) => {
      const many = Array.from({ length: count }, (_, n) => {
        const instance = { address: `10.9.${n >> 8}.${n & 255}`, port: 80 };
        services.set(`${prefix}-${n}`, new Map([['', instance]]));
        return bridgeEntry(`${prefix}-${n}`, [instance]);
      });
      backend.put(many);
    },
    down: () => gate.close(),
    up: async ({ keepData }) => {
      if (!keepData) {
        services.clear();
        backend.clear();
      }
      await gate.open();
    },
    hang: async () => gate.hang(),
    resume: async () => gate.resume(),
    connections: async () => gate.connections,
    close: async () => {
      await gate.close();
      await backend.close();
    },
  };
}
