import { setImmediate as nextTurn } from 'node:timers/promises';
import { until } from '@isthmus/model/testing';
import { afterEach, expect, test } from '@jest/globals';
import { MemoryServer } from '../testing/memory-store.ts';
import { leads, open, replica } from '../testing/shared-replicas.ts';
import type { TestReplica } from '../testing/shared-replicas.ts';

/** The lead must not change on a busy machine. */
const LEASE_MS = 10_000;
const MANY = 20_000;
/** What one turn of the event loop may tell. */
const A_TURN = 2_000;

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ ledger }) => ledger.close()));
});

/** What is told, turn by turn. */
function toldTo({ ledger }: TestReplica) {
  const told = { turns: [] as number[], keys: [] as string[], entries: [] as number[] };
  let turn: number | undefined;
  ledger.onCommitted((changes) => {
    if (turn === undefined) {
      turn = told.turns.push(0) - 1;
      void nextTurn().then(() => (turn = undefined));
    }
    told.turns[turn] = (told.turns[turn] ?? 0) + changes.length;
    told.keys.push(...changes.map(({ key }) => key));
    told.entries.push(ledger.entries('vip').size);
  });
  return told;
}

async function withMany() {
  const server = new MemoryServer();
  const writer = replica(server, 'writer', undefined, undefined, LEASE_MS);
  await until('it leads', () => leads(writer));
  const reader = replica(server, 'reader', undefined, undefined, LEASE_MS);
  await reader.ledger.loaded(5_000);
  const both = [writer, reader];
  const told = both.map(toldTo);
  for (let n = 0; n < MANY; n += 1) writer.ledger.put('vip', `host-${n}`, `240.241.${n >> 8}.${n & 255}`);
  await until('both have them', () => both.every(({ ledger }) => ledger.entries('vip').size === MANY));
  return { writer, reader, both, told };
}

test('a revision of 20,000 entries is whole from the first turn on, and told in turns of bounded work, each entry once', async () => {
  const { both, told } = await withMany();
  await until('all is told', () => told.every(({ keys }) => keys.length === MANY));
  for (const { turns, keys, entries } of told) {
    expect(Math.max(...turns)).toBeLessThanOrEqual(A_TURN);
    expect(new Set(keys).size).toBe(MANY);
    expect(new Set(entries)).toEqual(new Set([MANY]));
  }
  for (const { local } of both) expect(local.entries('vip').size).toBe(MANY);
});

test('a replica that is stopped meanwhile has all of it in its copy', async () => {
  const { writer, reader } = await withMany();
  for (const r of [reader, writer]) {
    await r.ledger.close();
    expect(r.local.entries('vip').size).toBe(MANY);
  }
  open.splice(0);
});

test('what changes while it is told is told after it', async () => {
  const { writer, reader } = await withMany();
  const last: unknown[] = [];
  reader.ledger.onCommitted((changes) => {
    for (const { key, value } of changes) if (key === 'host-1') last.push(value);
  });
  writer.ledger.put('vip', 'host-1', '240.241.9.9');
  await until('it is read', () => last.includes('240.241.9.9'));
  expect(last.at(-1)).toBe('240.241.9.9');
  expect(reader.local.get('vip', 'host-1')).toBe('240.241.9.9');
});
