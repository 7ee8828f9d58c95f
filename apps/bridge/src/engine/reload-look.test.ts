import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { EventChannel } from '@isthmus/registry';
import type { RegistryKind } from '@isthmus/registry';
import { z } from 'zod';
import type { BridgeConfig } from './bridge-config.ts';
import { Engine } from './engine.ts';

/** So many that letting them go takes several turns of the event loop. */
const services = Array.from({ length: 1_500 }, (_, i) => record(`s${i}`, [endpoint()]));

let channel: EventChannel;
let directory: string;
let engine: Engine;

const KIND: RegistryKind = {
  kind: 'plain',
  schema: z.object({ name: z.string(), kind: z.literal('plain') }),
  createSource: (id) => ({ id, watch: (signal) => channel.read(signal) }),
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

beforeEach(async () => {
  channel = new EventChannel();
  directory = await mkdtemp(join(tmpdir(), 'isthmus-reload-look-'));
  engine = new Engine(config('1s'), await FileLedger.open(directory));
  engine.start();
});

afterEach(async () => {
  await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

const scope = () => engine.catalog.scopeById('a/ns/g');
const known = (): number => scope()?.records.size ?? 0;

test('a config that changes while held removals go: what is known and what the ledger has stay the same', async () => {
  channel.push(snapshotOf(services));
  channel.push({ kind: 'status', scope: services[0]?.key as never, status: { state: 'live' } });
  await until('all are known', () => known() === services.length && scope()?.status.state === 'live');
  channel.push(snapshotOf([]));
  await until('they are held', () => scope()?.held?.removing === services.length);
  let changed: Promise<boolean> | undefined;
  // In the middle of a look, in which some are gone and others are not yet.
  while (changed === undefined) {
    await nextTurn();
    if (known() < services.length) changed = engine.reconfigure(config('1h'));
  }
  await changed;
  for (let turn = 0; turn < 100; turn += 1) {
    await nextTurn();
    expect(engine.ledger.entries('record').size).toBe(known());
  }
});
