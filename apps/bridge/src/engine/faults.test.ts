/** A bug of ours at one service, scope or config: it costs that, is seen, and ends neither the others nor the process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { endpoint, record, snapshotOf, upsert } from '@isthmus/catalog/testing';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { serviceId } from '@isthmus/model';
import type { Diagnostic, LedgerTable, MeshHost } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { EventChannel } from '@isthmus/registry';
import type { RegistryKind } from '@isthmus/registry';
import { z } from 'zod';
import type { BridgeConfig } from './bridge-config.ts';
import { Engine } from './engine.ts';
import { Metrics } from './metrics.ts';

const services = Array.from({ length: 20 }, (_, i) => record(`s${i}`, [endpoint()]));
const BROKEN = services[3]?.key as never;

let channel: EventChannel;
let directory: string;
let ledger: FileLedger;
let engine: Engine;
let logged: readonly [Diagnostic, unknown][];
let rejected: unknown[];
let isKindBroken: boolean;

const KIND: RegistryKind = {
  kind: 'plain',
  schema: z.object({ name: z.string(), kind: z.literal('plain') }),
  createSource: (id) => {
    if (isKindBroken) throw new TypeError('a bug of the test');
    return { id, watch: (signal) => channel.read(signal) };
  },
  doctor: async () => [],
};

function config(confirmAfter: string): BridgeConfig {
  const registries = [{ name: 'a', kind: 'plain' }];
  const outputs = { xds: { listen: '127.0.0.1:0' }, mcp: { listen: '127.0.0.1:0' } };
  const text = JSON.stringify({ version: 1, meshId: 'test', registries, outputs, guard: { confirmAfter } });
  const parsed = parseConfig('isthmus.yaml', new TextEncoder().encode(text), { kinds: [KIND] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const unhandled = (error: unknown): void => void rejected.push(error);

beforeEach(async () => {
  channel = new EventChannel();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-faults-'));
  ledger = await FileLedger.open(directory);
  [logged, rejected, isKindBroken] = [[], [], false];
  process.on('unhandledRejection', unhandled);
  engine = new Engine(config('1s'), ledger, { onFault: (...fault) => (logged = [...logged, fault]) });
  engine.start();
  channel.push(snapshotOf(services));
  channel.push({ kind: 'status', scope: BROKEN, status: { state: 'live' } });
  await until('all are known', () => scope()?.records.size === 20 && scope()?.status.state === 'live');
});

afterEach(async () => {
  await engine.stop();
  process.off('unhandledRejection', unhandled);
  await rm(directory, { recursive: true, force: true });
  expect(rejected).toEqual([]);
});

const scope = () => engine.catalog.scopeById('a/ns/g');
const faults = () => engine.diagnostics.filter(({ code }) => code === 'bridge.failed').map(({ where }) => where);

test('a look at removals that fails at one service lets the others go, is said, logged once and counted, and goes on when it can', async () => {
  const original = ledger.delete.bind(ledger);
  let isBroken = true;
  ledger.delete = (table: LedgerTable, key: string) => {
    if (isBroken && table === 'record' && key === serviceId(BROKEN)) throw new TypeError('a bug of the test');
    original(table, key);
  };
  channel.push(snapshotOf([]));
  await until('it has failed twice', () => (engine.faults.counts.get('removals') ?? 0) >= 2);
  expect([...(scope()?.records.keys() ?? [])]).toEqual([serviceId(BROKEN)]);
  expect(engine.catalog.merged('s3.test' as MeshHost)?.endpoints.length).toBe(1);
  expect(faults()).toEqual([serviceId(BROKEN)]);
  expect(logged.map(([{ code, where }, error]) => [code, where, (error as Error).message])).toEqual([
    ['bridge.failed', serviceId(BROKEN), 'a bug of the test'],
  ]);
  expect(await new Metrics(engine).text()).toMatch(/^isthmus_faults\{.*work="removals".*\} [2-9]/m);
  isBroken = false;
  await until('it is gone', () => scope()?.records.size === 0);
  await until('nothing is said any more', () => faults().length === 0);
});

test('a config that cannot be taken into use leaves the one before in force, and what it follows', async () => {
  const before = engine.config;
  const { createSource } = KIND;
  const makes = [true, false];
  Object.assign(KIND, {
    createSource: (...args: Parameters<typeof createSource>) => {
      isKindBroken = makes.shift() ?? false;
      return createSource(...args);
    },
  });
  try {
    expect(await engine.reconfigure(config('1h'))).toBe(false);
    expect(engine.config).toBe(before);
    expect(faults()).toEqual(['bridge']);
    channel.push(upsert(record('new', [endpoint()])));
    await until('it is followed', () => engine.catalog.merged('new.test' as MeshHost) !== undefined);
    expect(await engine.reconfigure(config('1h'))).toBe(true);
    expect(faults()).toEqual([]);
  } finally {
    Object.assign(KIND, { createSource });
  }
});

test('a host that cannot be merged keeps no other back, and whoever waits for what is served is not kept in a loop', async () => {
  const ports = (name: string) =>
    engine.mesh.publisher.services.get(`${name}.test` as MeshHost)?.endpoints.map((e) => e.endpoint.port);
  await until('all are served', () => services.every(({ key: { name } }) => ports(name)?.[0] === 8080));
  const { catalog } = engine;
  const original = catalog.merged.bind(catalog);
  let isBroken = true;
  catalog.merged = (host) => {
    if (isBroken && host === 's3.test') throw new TypeError('a bug of the test');
    return original(host);
  };
  const moved = services.map(({ key }) => record(key.name, [endpoint({ port: 9090 })]));
  for (const one of moved) channel.push(upsert(one));
  await until('the others are served', () => services.every(({ key: { name } }) => name === 's3' || ports(name)?.[0] === 9090));
  await until('it is said', () => faults().includes('s3.test'));
  expect(ports('s3')).toEqual([8080]);
  isBroken = false;
  channel.push(upsert(record('s3', [endpoint({ port: 9091 })])));
  await until('it is served', () => ports('s3')?.[0] === 9091);
  expect(faults()).toEqual([]);
});
