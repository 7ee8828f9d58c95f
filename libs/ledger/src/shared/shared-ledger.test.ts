import { until } from '@isthmus/model/testing';
import { afterEach, describe, expect, test } from '@jest/globals';
import { MemoryServer } from '../testing/memory-store.ts';
import {
  LocalCopy,
  expectEqualByRevision,
  expectOneWriterAtATime,
  leaderOf,
  leads,
  open,
  replica,
  vipsOf,
} from '../testing/shared-replicas.ts';
import { parseHead } from './head.ts';

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ ledger }) => ledger.close()));
});

describe('a ledger that replicas share', () => {
  test('one leads; what it puts is in force when the store has it, on all of them at the same revision', async () => {
    const server = new MemoryServer();
    const [a, b, c] = [replica(server, 'a'), replica(server, 'b'), replica(server, 'c')];
    const { leader, others } = await leaderOf(a, b, c);
    leader.ledger.put('vip', 'orders', '240.241.0.1');
    expect(leader.ledger.get('vip', 'orders')).toBeUndefined();
    for (let i = 0; i < 200; i += 1) leader.ledger.put('vip', `s${i}`, `240.241.1.${i}`);
    await until('all have them', () => [a, b, c].every((r) => r.ledger.entries('vip').size === 201));
    leader.ledger.delete('vip', 's7');
    await until('it is gone', () => [a, b, c].every((r) => r.ledger.entries('vip').size === 200));
    expect(new Set([a, b, c].map((r) => r.ledger.revision)).size).toBe(1);
    expect(new Set([a, b, c].map((r) => JSON.stringify([...r.ledger.entries('vip')].sort()))).size).toBe(1);
    expectEqualByRevision(a, b, c);
    expect(others.map(({ ledger }) => ledger.status.leader)).toEqual(
      [leader, leader].map(({ ledger }) => ({ id: ledger.status.id })),
    );
  });

  test('last known good stays on the replica', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    await leaderOf(a, b);
    a.ledger.put('record', 'x', 1);
    expect(a.ledger.get('record', 'x')).toBe(1);
    expect(b.ledger.get('record', 'x')).toBeUndefined();
    expect(a.ledger.status.waiting).toBe(0);
  });

  test('a table that only a leader of another version shares changes nothing here', async () => {
    const server = new MemoryServer();
    const later = replica(server, 'later', undefined, ['vip', 'held', 'plan']);
    await leaderOf(later);
    const earlier = replica(server, 'earlier');
    earlier.ledger.put('plan', 'p', 'its own');
    later.ledger.put('plan', 'p', 'of all');
    later.ledger.put('vip', 'orders', '240.241.0.1');
    await until('it is read', () => vipsOf(earlier)['orders'] === '240.241.0.1');
    expect([earlier.ledger.get('plan', 'p'), later.ledger.get('plan', 'p')]).toEqual(['its own', 'of all']);
  });

  test('a table that the leader does not know yet stays as this replica’s file has it, and is for all when this one leads', async () => {
    const server = new MemoryServer();
    const earlier = replica(server, 'earlier');
    await leaderOf(earlier);
    const file = new LocalCopy();
    file.put('plan', 'p', 'of all');
    const tables = ['vip', 'held', 'plan'] as const;
    const later = replica(server, 'later', file, tables);
    earlier.ledger.put('vip', 'orders', '240.241.0.1');
    await until('it is read', () => vipsOf(later)['orders'] === '240.241.0.1');
    expect([later.ledger.get('plan', 'p'), file.get('plan', 'p')]).toEqual(['of all', 'of all']);
    await earlier.ledger.close();
    await leaderOf(later);
    const another = replica(server, 'another', undefined, tables);
    await until('it is for all', () => another.ledger.get('plan', 'p') === 'of all');
    expect(vipsOf(another)).toEqual({ orders: '240.241.0.1' });
  });

  test('what was the last of a table goes from a replica that was away when it was deleted', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader, others } = await leaderOf(a, b);
    leader.ledger.put('held', 'x', 1);
    await until('both have it', () => [a, b].every((r) => r.ledger.get('held', 'x') === 1));
    await others[0]?.ledger.close();
    leader.ledger.delete('held', 'x');
    await until('it is gone', () => leader.ledger.get('held', 'x') === undefined);
    const again = replica(server, 'again', others[0]?.local);
    expect(again.ledger.get('held', 'x')).toBe(1);
    await until('there, too', () => again.ledger.get('held', 'x') === undefined);
  });

  test('a head of the format before is read, and written in this one', async () => {
    const server = new MemoryServer();
    const before = { isthmusLedger: 1, epoch: 3, revision: 7, leader: { id: 'old' }, leaseMs: 1, write: 'e3-x-1', content: [] };
    server.write(JSON.stringify(before));
    const a = replica(server, 'a');
    await leaderOf(a);
    expect(a.ledger.status.epoch).toBe(4);
    const written = JSON.parse(server.history.at(-1) ?? '') as object;
    expect(written).toMatchObject({ isthmusLedger: 2, epoch: 4, tables: ['vip', 'held', 'frozen'] });
  });

  test('a leader that is cut off from the store stops writing before another takes over, and follows when it is back', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader, others } = await leaderOf(a, b);
    const [other = leader] = others;
    leader.ledger.put('vip', 'before', '1');
    await until('both have it', () => vipsOf(other)['before'] === '1');
    leader.store.cut = true;
    await until('another leads', () => {
      expect(leads(leader) && leads(other)).toBe(false);
      return leads(other);
    });
    leader.ledger.put('vip', 'late', 'of the old leader');
    other.ledger.put('vip', 'late', 'of the new leader');
    await until('it is in force', () => vipsOf(other)['late'] !== undefined);
    expect(vipsOf(leader)).toEqual({ before: '1' });
    expect(leader.ledger.diagnostics.map((d) => d.code)).toContain('ledger.unreachable');
    leader.store.cut = false;
    await until('it follows', () => vipsOf(leader)['late'] === 'of the new leader');
    expect(leader.ledger.status).toMatchObject({ role: 'follower', waiting: 0, problem: undefined });
    expectOneWriterAtATime(server);
    expectEqualByRevision(a, b);
  });

  test('a leader whose clock jumped writes nothing any more, without being told', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader } = await leaderOf(a, b);
    leader.jump(60_000);
    expect(leads(leader)).toBe(false);
    await leaderOf(a, b);
    expectOneWriterAtATime(server);
  });

  test('a write whose answer was lost counts once', async () => {
    const server = new MemoryServer();
    const a = replica(server, 'a');
    await leaderOf(a);
    const { epoch, revision } = a.ledger.status;
    a.store.loseAnswer = true;
    a.ledger.put('vip', 'orders', '1');
    await until('it is in force', () => vipsOf(a)['orders'] === '1');
    expect(a.ledger.status).toMatchObject({ role: 'leader', epoch });
    expect(a.ledger.revision).toBeGreaterThan(revision);
    expectOneWriterAtATime(server);
  });

  test('a leader that goes in order is followed at once, and what a follower wished is written when it leads', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader, others } = await leaderOf(a, b);
    const [other = leader] = others;
    other.ledger.put('held', 'shop/public/g', { since: 1 });
    expect(other.ledger.status.waiting).toBe(1);
    expect(other.ledger.get('held', 'shop/public/g')).toBeUndefined();
    const became: boolean[] = [];
    other.ledger.writer.onChange((is) => became.push(is));
    await leader.ledger.close();
    expect(parseHead(server.history.at(-1) ?? '', '').leader).toBeUndefined();
    await until('the wish came true', () => other.ledger.get('held', 'shop/public/g') !== undefined);
    expect(became).toEqual([true]);
    expectOneWriterAtATime(server);
  });

  test('what a leader decided of how things were is not written by it when it leads again; its other wishes are', async () => {
    const server = new MemoryServer();
    const a = replica(server, 'a');
    await leaderOf(a);
    a.store.cut = true;
    a.ledger.put('held', 'now/orders', { since: 1 });
    a.ledger.put('held', 'shop/public/g', { since: 1 });
    expect(a.ledger.status.waiting).toBe(2);
    await until('it leads no more', () => a.ledger.status.waiting === 1 && !leads(a));
    a.store.cut = false;
    await until('its wish came true', () => a.ledger.get('held', 'shop/public/g') !== undefined);
    expect(a.ledger.get('held', 'now/orders')).toBeUndefined();
    a.ledger.put('held', 'now/orders', { since: 2 });
    await until('what it decides now is written', () => a.ledger.get('held', 'now/orders') !== undefined);
  });

  test('a store that lost its data is filled again, and nobody forgets anything', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader } = await leaderOf(a, b);
    for (let i = 0; i < 100; i += 1) leader.ledger.put('vip', `s${i}`, String(i));
    await until('both have them', () => [a, b].every((r) => r.ledger.entries('vip').size === 100));
    const { revision } = a.ledger;
    server.wipe();
    await until('it is written again', () => server.head !== undefined && server.blobs.size > 0);
    const fresh = replica(server, 'c');
    await until('a new replica reads it', () => fresh.ledger.entries('vip').size === 100);
    expect([a, b].map((r) => r.ledger.entries('vip').size)).toEqual([100, 100]);
    expect(fresh.ledger.revision).toBeGreaterThan(revision);
    expectOneWriterAtATime(server);
  });

  test('a store that was restored from an old backup is brought up to date', async () => {
    const server = new MemoryServer();
    const a = replica(server, 'a');
    await leaderOf(a);
    a.ledger.put('vip', 'old', '1');
    await until('old', () => vipsOf(a)['old'] === '1');
    const backup = server.head?.text ?? '';
    a.ledger.put('vip', 'new', '2');
    await until('new', () => vipsOf(a)['new'] === '2');
    server.write(backup);
    const b = replica(server, 'b');
    await until('the new one is there again', () => vipsOf(b)['new'] === '2');
    expect(vipsOf(a)).toEqual({ old: '1', new: '2' });
  });

  test('a start without the store has what the local copy knows, and writes nothing', async () => {
    const server = new MemoryServer();
    const first = replica(server, 'a');
    await leaderOf(first);
    first.ledger.put('vip', 'orders', '1');
    await until('it is in force', () => vipsOf(first)['orders'] === '1');
    await first.ledger.close();
    server.wipe();
    const again = replica(server, 'b', first.local);
    again.store.cut = true;
    expect(vipsOf(again)).toEqual({ orders: '1' });
    expect(await again.ledger.loaded(50)).toBe(false);
    expect(leads(again)).toBe(false);
    again.store.cut = false;
    await leaderOf(again);
    expect(await again.ledger.loaded(0)).toBe(true);
    expect(vipsOf(again)).toEqual({ orders: '1' });
  });

  test.each([
    ['no JSON', '{'],
    ['another version', '{"isthmusLedger":3}'],
    ['other types', '{"isthmusLedger":1,"epoch":"1"}'],
  ])('a head that cannot be read (%s) is left alone, and said', async (_, text) => {
    const server = new MemoryServer();
    server.write(text);
    const a = replica(server, 'a');
    await until('it says so', () => a.ledger.diagnostics.some((d) => d.what.includes('cannot be read')));
    expect(leads(a)).toBe(false);
    expect(server.history).toEqual([text]);
  });

  test('a damaged blob costs this replica nothing that it knew', async () => {
    const server = new MemoryServer();
    const a = replica(server, 'a');
    await leaderOf(a);
    a.ledger.put('vip', 'orders', '1');
    await until('it is in force', () => vipsOf(a)['orders'] === '1');
    const local = new LocalCopy();
    local.put('vip', 'known', '2');
    for (const name of server.blobs.keys()) server.blobs.set(name, Buffer.from('garbage'));
    const b = replica(server, 'b', local);
    await until('it says so', () => b.ledger.diagnostics.some((d) => d.what.includes('damaged')));
    expect(vipsOf(b)).toEqual({ known: '2' });
  });

  test('what is larger than a blob is split', async () => {
    const server = new MemoryServer();
    const [a, b] = [replica(server, 'a'), replica(server, 'b')];
    const { leader } = await leaderOf(a, b);
    const large = Array.from({ length: 2_000 }, () => Math.random());
    leader.ledger.put('held', 'large', large);
    await until('both have it', () =>
      [a, b].every((r) => JSON.stringify(r.ledger.get('held', 'large')) === JSON.stringify(large)),
    );
    expect(server.blobs.size).toBeGreaterThan(10);
  });

  test('what a leader left unfinished is removed by the next one', async () => {
    const server = new MemoryServer();
    server.blobs.set('e0-dead-1', Buffer.from('x'));
    const a = replica(server, 'a');
    await leaderOf(a);
    a.jump(61_000);
    await until('it is gone', () => !server.blobs.has('e0-dead-1'));
  });
});
