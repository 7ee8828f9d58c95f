import { systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import type { RegistrySource } from '@isthmus/registry';
import type { FaultHarness } from '@isthmus/registry/testing';
import { consulConfig } from '../config.ts';
import { ConsulSource } from '../source.ts';
import { FakeCatalog } from './fake-catalog.ts';
import { FakeConsul } from './fake-consul.ts';
import type { FakeOptions } from './fake-consul.ts';

export const CONSUL_ABILITIES = { weight: true, disable: true, emptyAfterRestart: true, auth: true } as const;

/** A source on a URL with short times. Tokens are given by environment variables of the names `CONSUL_TEST_…`. */
export function testSource(
  settings: Readonly<Record<string, unknown>>,
  onMessage?: (atMs: number) => void,
  clock: Clock = systemClock,
): RegistrySource {
  const config = consulConfig.parse({
    name: 'hq',
    kind: 'consul',
    datacenters: ['dc1'],
    requestTimeout: '1s',
    restartGrace: '1s',
    wait: '5s',
    ...settings,
  });
  const deps = { clock, random: Math.random, baseDir: process.cwd() };
  return new ConsulSource(config.name, config, onMessage === undefined ? deps : { ...deps, onMessage });
}

/** The contract's harness on the scripted wire. */
export async function fakeHarness(options: FakeOptions, settings: Readonly<Record<string, unknown>> = {}): Promise<FaultHarness> {
  const consul = new FakeConsul({ token: 'right', ...options });
  process.env['CONSUL_TEST_RIGHT'] = 'right';
  process.env['CONSUL_TEST_WRONG'] = 'wrong';
  await consul.up();
  return {
    abilities: CONSUL_ABILITIES,
    scope: { source: 'hq' as never, namespace: 'dc1', group: '' },
    open: ({ password = 'right' } = {}) =>
      testSource({ servers: [consul.url], auth: { tokenEnv: `CONSUL_TEST_${password.toUpperCase()}` }, ...settings }),
    faults: {
      ports: [consul.port],
      open: async ({ clock, port = consul.port }) =>
        testSource(
          { servers: [`http://127.0.0.1:${port}`], auth: { tokenEnv: 'CONSUL_TEST_RIGHT' }, ...settings },
          undefined,
          clock,
        ),
      revoke: async () => void (consul.token = 'another'),
      restore: async () => void (consul.token = 'right'),
    },
    register: async (service, { address, port, weight = 1, healthy = true, enabled = true, metadata = {} }) => {
      consul.catalog.put({
        service,
        address,
        port,
        weight,
        status: healthy ? 'passing' : 'critical',
        maintenance: !enabled,
        meta: metadata,
      });
    },
    deregister: async (service, address, port) => consul.catalog.delete(consul.catalog.find(service, address, port)?.id ?? ''),
    registerMany: async (prefix, count) => {
      for (let n = 0; n < count; n += 1)
        consul.catalog.put({ service: `${prefix}-${n}`, address: `10.9.${n >> 8}.${n & 255}`, port: 9000 });
    },
    down: () => consul.down(),
    up: async ({ keepData }) => {
      if (!keepData) consul.catalog = new FakeCatalog();
      await consul.up();
    },
    hang: async () => {
      consul.hanging = true;
    },
    resume: async () => {
      consul.hanging = false;
    },
    connections: async () => consul.connections,
    close: () => consul.down(),
  };
}
