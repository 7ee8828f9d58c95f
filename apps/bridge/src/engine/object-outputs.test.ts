import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { parseConfig } from '@isthmus/config';
import { MemoryLedger } from '@isthmus/ledger';
import { serviceId } from '@isthmus/model';
import type { MeshHost, SourceId } from '@isthmus/model';
import { registryKinds } from '../registries.ts';
import type { BridgeConfig } from './bridge-config.ts';
import { ObjectOutputs } from './object-outputs.ts';

let dir: string;
let stop: AbortController;
let running: Promise<void>;
let catalog: Catalog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-objects-'));
  stop = new AbortController();
  running = Promise.resolve();
  catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: true,
  });
});

afterEach(async () => {
  stop.abort();
  await running;
  await rm(dir, { recursive: true });
});

function config(more: string): BridgeConfig {
  const text = `version: 1
meshId: shop
registries: [{ name: a, kind: file, path: a.yaml }, { name: b, kind: file, path: b.yaml }]
outputs: { files: { dir: out }${more} }
`;
  const result = parseConfig(join(dir, 'isthmus.yaml'), Buffer.from(text), { kinds: registryKinds });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

function outputs(more = ''): ObjectOutputs {
  const made = new ObjectOutputs({
    config: config(more),
    cluster: undefined,
    writer: undefined,
    merged: (host) => catalog.merged(host),
    callers: () => ({ objects: [], diagnostics: [] }),
  });
  running = made.run(stop.signal);
  return made;
}

const files = async () => (await readdir(join(dir, 'out')).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort();
const sources = ['a', 'b'] as SourceId[];

async function settled(made: ObjectOutputs): Promise<void> {
  while (made.all.some((output) => output.pending > 0)) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A complete read of a source, in the outputs. */
function say(made: ObjectOutputs, source: string, ...names: string[]): void {
  const services = names.map((name) => record(name, [endpoint()], { source }));
  const scope = { source: source as SourceId, namespace: 'ns', group: 'g' };
  made.touch(catalog.apply({ kind: 'snapshot', scope, services: new Map(services.map((one) => [serviceId(one.key), one])) }));
}

test('leftovers of an earlier run stay until every registry of the config has been read', async () => {
  const first = outputs();
  say(first, 'a', 'orders', 'old');
  await settled(first);
  expect(await files()).toEqual(['old.test.yaml', 'orders.test.yaml']);
  stop.abort();
  await running;
  stop = new AbortController();
  catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: true,
  });
  const second = outputs();
  say(second, 'a', 'orders');
  second.takeComplete(sources, catalog.scopes());
  await settled(second);
  expect(await files()).toEqual(['old.test.yaml', 'orders.test.yaml']);
  expect(second.waits).toBe(true);
  say(second, 'b', 'payments');
  second.takeComplete(sources, catalog.scopes());
  await settled(second);
  expect(await files()).toEqual(['orders.test.yaml', 'payments.test.yaml']);
  expect(second.waits).toBe(false);
  second.reconfigure(config(''));
  expect(second.waits).toBe(true);
});

test('a plan shows what would be written for the hosts that there are, and writes nothing', async () => {
  const made = outputs();
  stop.abort();
  await running;
  say(made, 'a', 'orders');
  const [plan] = await made.plans([...catalog.hosts()], AbortSignal.timeout(5_000));
  expect(plan?.creates.map((write) => write.name)).toEqual(['orders.test.yaml']);
  expect(await files()).toEqual([]);
});

test('what Istio would refuse of a service is said, but once where the MCP output says it too', async () => {
  const bad = record('orders', [endpoint({ identity: 's'.repeat(300) })], { source: 'a' });
  for (const [more, count] of [
    ['', 1],
    [', mcp: { listen: 127.0.0.1:15010 }', 0],
  ] as const) {
    const made = outputs(more);
    made.touch(catalog.apply(snapshotOf([bad])));
    made.touch(['orders.test' as MeshHost]);
    await settled(made);
    expect([...made.diagnostics()].filter((d) => d.code === 'translate.rejected')).toHaveLength(count);
    stop.abort();
    await running;
    stop = new AbortController();
  }
});

test('a file that is in the way is a diagnostic of the bridge', async () => {
  await writeFile(join(dir, 'out'), 'no directory');
  const made = outputs();
  say(made, 'a', 'orders');
  while ([...made.diagnostics()].length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  expect([...made.diagnostics()]).toMatchObject([{ code: 'output.unwritable', where: join(dir, 'out') }]);
});
