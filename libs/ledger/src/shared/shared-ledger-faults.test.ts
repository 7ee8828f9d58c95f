/** Bad input from the store of a shared ledger: a clear error with place and remedy, and the last good state is kept. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { IsthmusError } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { MemoryLedger } from '../memory-ledger.ts';
import { MemoryServer, MemoryStore } from '../testing/memory-store.ts';
import { SharedLedger } from './shared-ledger.ts';
import type { LocalLedger } from './shared-ledger.ts';

/** Stands for the file: keeps what it is told, also after its replica is gone. */
class LocalCopy extends MemoryLedger implements LocalLedger {
  readonly diagnostics: readonly Diagnostic[] = [];
  flush = () => Promise.resolve();
  close = () => Promise.resolve();
}

const open: SharedLedger[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((ledger) => ledger.close()))));

function start(server: MemoryServer, id: string, local = new LocalCopy()): { ledger: SharedLedger; store: MemoryStore } {
  const store = new MemoryStore(server);
  const ledger = SharedLedger.start({
    store,
    local,
    sharedTables: ['vip', 'held'],
    self: { id },
    leaseMs: 300,
    monotonic: () => performance.now(),
    random: Math.random,
  });
  open.push(ledger);
  return { ledger, store };
}

/** A store with 50 addresses in it, and the replica that wrote them, which is gone. */
async function furnished(): Promise<MemoryServer> {
  const server = new MemoryServer();
  const { ledger } = start(server, 'writer');
  await until('it leads', () => ledger.writer.isWriter());
  for (let n = 0; n < 50; n += 1) ledger.put('vip', `host-${n}`, `240.241.0.${n}`);
  await until('they are in force', () => ledger.entries('vip').size === 50);
  open.splice(open.indexOf(ledger), 1);
  await ledger.close();
  return server;
}

const problemOf = (ledger: SharedLedger) => ledger.diagnostics.find(({ code }) => code === 'ledger.unreachable');
const known = () => {
  const local = new LocalCopy();
  local.put('vip', 'known', '240.241.9.9');
  return local;
};

describe('a shared ledger whose store has', () => {
  test.each([
    ['a head that is cut off', (text: string) => text.slice(0, text.length / 2), 'no JSON object'],
    ['a head of another version', () => '{"isthmusLedger":2,"epoch":1}', 'format 2, this version reads 1'],
    ['an empty head', () => '', 'no JSON object'],
  ])('%s is left alone; every replica keeps what it knew, and says where and what to do', async (_, damage, why) => {
    const server = await furnished();
    const text = damage(server.head?.text ?? '');
    server.write(text);
    const writes = server.history.length;
    const { ledger } = start(server, 'b', known());
    await until('it says so', () => problemOf(ledger) !== undefined);
    expect(problemOf(ledger)).toMatchObject({ severity: 'error', where: 'memory', what: expect.stringContaining(why) });
    expect(problemOf(ledger)?.what).toContain('run one version of the bridge on all replicas');
    expect(Object.fromEntries(ledger.entries('vip'))).toEqual({ known: '240.241.9.9' });
    expect(ledger.writer.isWriter()).toBe(false);
    expect(server.history.length).toBe(writes);
  });

  test.each([
    ['cut off', (bytes: Uint8Array) => bytes.subarray(0, Math.floor(bytes.length / 2))],
    ['empty', () => new Uint8Array()],
    ['something else', () => Buffer.from('garbage')],
  ])('segments that are %s costs nobody what it knew, and says where and what to do', async (_, damage) => {
    const server = await furnished();
    for (const [name, bytes] of server.blobs) server.blobs.set(name, damage(bytes));
    const { ledger } = start(server, 'b', known());
    await until('it says so', () => problemOf(ledger) !== undefined);
    expect(problemOf(ledger)).toMatchObject({ where: 'memory', what: expect.stringContaining('is damaged') });
    expect(problemOf(ledger)?.what).toContain('restore the store');
    expect(Object.fromEntries(ledger.entries('vip'))).toEqual({ known: '240.241.9.9' });
    expect(ledger.writer.isWriter()).toBe(false);
  });

  test.each([
    new IsthmusError('ledger.forbidden', 'the store answers 403', { remedy: 'give it the right to write' }),
    new IsthmusError('ledger.unwritable', 'its quota is used up', { remedy: 'raise the quota' }),
  ])('no room or right to write ($message) keeps what is in force, says so, and writes it down later', async (refusal) => {
    const server = new MemoryServer();
    const { ledger, store } = start(server, 'a');
    await until('it leads', () => ledger.writer.isWriter());
    ledger.put('vip', 'before', '240.241.0.1');
    await until('it is in force', () => ledger.get('vip', 'before') !== undefined);
    store.refusal = refusal;
    ledger.put('vip', 'meanwhile', '240.241.0.2');
    await until('it says so', () => problemOf(ledger) !== undefined);
    expect(problemOf(ledger)).toMatchObject({ severity: 'error', where: 'memory' });
    expect(problemOf(ledger)?.what).toContain(refusal.message);
    expect(problemOf(ledger)?.what).toContain(refusal.remedy);
    expect(Object.fromEntries(ledger.entries('vip'))).toEqual({ before: '240.241.0.1' });
    store.refusal = undefined;
    await until('it is written', () => ledger.get('vip', 'meanwhile') === '240.241.0.2');
    expect(problemOf(ledger)).toBeUndefined();
  });
});
