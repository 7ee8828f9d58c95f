/** Bad input from the store of a shared ledger: a clear error with place and remedy, and the last good state is kept. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { IsthmusError } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { MemoryServer } from '../testing/memory-store.ts';
import { LocalCopy, leads, open, replica, vipsOf } from '../testing/shared-replicas.ts';
import type { TestReplica } from '../testing/shared-replicas.ts';

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ ledger }) => ledger.close()));
});

/** A store with 50 addresses in it, and the replica that wrote them, which is gone. */
async function furnished(): Promise<MemoryServer> {
  const server = new MemoryServer();
  const writer = replica(server, 'writer');
  const { ledger } = writer;
  await until('it leads', () => leads(writer));
  for (let n = 0; n < 50; n += 1) ledger.put('vip', `host-${n}`, `240.241.0.${n}`);
  await until('they are in force', () => ledger.entries('vip').size === 50);
  open.splice(open.indexOf(writer), 1);
  await ledger.close();
  return server;
}

const problemOf = ({ ledger }: TestReplica) => ledger.diagnostics.find(({ code }) => code === 'ledger.unreachable');
const known = () => {
  const local = new LocalCopy();
  local.put('vip', 'known', '240.241.9.9');
  return local;
};

describe('a shared ledger whose store has', () => {
  test.each([
    ['a head that is cut off', (text: string) => text.slice(0, text.length / 2), 'no JSON object'],
    ['a head of another version', () => '{"isthmusLedger":3,"epoch":1}', 'format 3, this version reads 1 and 2'],
    ['an empty head', () => '', 'no JSON object'],
  ])('%s is left alone; every replica keeps what it knew, and says where and what to do', async (_, damage, why) => {
    const server = await furnished();
    const text = damage(server.head?.text ?? '');
    server.write(text);
    const writes = server.history.length;
    const b = replica(server, 'b', known());
    await until('it says so', () => problemOf(b) !== undefined);
    expect(problemOf(b)).toMatchObject({ severity: 'error', where: 'memory', what: expect.stringContaining(why) });
    expect(problemOf(b)?.what).toContain('run one version of the bridge on all replicas');
    expect(vipsOf(b)).toEqual({ known: '240.241.9.9' });
    expect(leads(b)).toBe(false);
    expect(server.history.length).toBe(writes);
  });

  test.each([
    ['cut off', (bytes: Uint8Array) => bytes.subarray(0, Math.floor(bytes.length / 2))],
    ['empty', () => new Uint8Array()],
    ['something else', () => Buffer.from('garbage')],
  ])('segments that are %s costs nobody what it knew, and says where and what to do', async (_, damage) => {
    const server = await furnished();
    for (const [name, bytes] of server.blobs) server.blobs.set(name, damage(bytes));
    const b = replica(server, 'b', known());
    await until('it says so', () => problemOf(b) !== undefined);
    expect(problemOf(b)).toMatchObject({ where: 'memory', what: expect.stringContaining('is damaged') });
    expect(problemOf(b)?.what).toContain('restore the store');
    expect(vipsOf(b)).toEqual({ known: '240.241.9.9' });
    expect(leads(b)).toBe(false);
  });

  test.each([
    new IsthmusError('ledger.forbidden', 'the store answers 403', { remedy: 'give it the right to write' }),
    new IsthmusError('ledger.unwritable', 'its quota is used up', { remedy: 'raise the quota' }),
  ])('no room or right to write ($message) keeps what is in force, says so, and writes it down later', async (refusal) => {
    const server = new MemoryServer();
    const a = replica(server, 'a');
    const { ledger, store } = a;
    await until('it leads', () => leads(a));
    ledger.put('vip', 'before', '240.241.0.1');
    await until('it is in force', () => ledger.get('vip', 'before') !== undefined);
    store.refusal = refusal;
    ledger.put('vip', 'meanwhile', '240.241.0.2');
    await until('it says so', () => problemOf(a) !== undefined);
    expect(problemOf(a)).toMatchObject({ severity: 'error', where: 'memory' });
    expect(problemOf(a)?.what).toContain(refusal.message);
    expect(problemOf(a)?.what).toContain(refusal.remedy);
    expect(vipsOf(a)).toEqual({ before: '240.241.0.1' });
    store.refusal = undefined;
    await until('it is written', () => ledger.get('vip', 'meanwhile') === '240.241.0.2');
    expect(problemOf(a)).toBeUndefined();
  });
});
