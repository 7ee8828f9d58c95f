import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { readRegistrations } from './registration-report.ts';
import { endAll, two } from './testing/replica.ts';
import type { Replica } from './testing/replica.ts';

afterEach(endAll);

const ENTRY = ['vm-10.0.0.7'];
const haveIt = (...replicas: readonly Replica[]) =>
  until('they have it', () => replicas.every(({ entries }) => entries.length === 1));
const haveNone = (...replicas: readonly Replica[]) =>
  until('it is gone', () => replicas.every(({ entries }) => entries.length === 0));

describe('a proxy that is connected to one replica', () => {
  test.each([
    ['the leader', 0],
    ['the follower', 1],
  ])('is a workload of all, and goes from all when its grace is over: %s', async (_, at) => {
    const replicas = await two();
    const session = replicas[at]!.open();
    await haveIt(...replicas);
    expect(new Set(replicas.map(({ ledger }) => ledger.revision)).size).toBe(1);
    session.close();
    expect(replicas.map(({ entries }) => entries)).toEqual([ENTRY, ENTRY]);
    await haveNone(...replicas);
    expect(replicas.flatMap(({ registration }) => registration.workloads())).toEqual([]);
  });

  test('is the same on all also while the leader has not taken what it says now', async () => {
    const [leader, follower] = await two();
    follower.open();
    await haveIt(leader, follower);
    follower.open('10.0.0.7', { version: 'v2' });
    const versions = (one: Replica) => [...one.store.objects('WorkloadEntry')].map(({ spec }) => spec.labels['version']);
    expect([versions(leader), versions(follower)]).toEqual([[undefined], [undefined]]);
    await until('both have the new one', () => [leader, follower].every((one) => versions(one)[0] === 'v2'));
    expect([...leader.lost, ...follower.lost]).toEqual([]);
  });

  test('moves to another without a gap', async () => {
    const [leader, follower] = await two();
    const first = follower.open();
    await haveIt(leader, follower);
    first.close();
    const second = leader.open();
    await until('the follower has said that it is gone', () => follower.said.some(({ changes }) => changes[0]?.[1] === null));
    second.close();
    leader.open();
    follower.open('10.0.0.8');
    await until('both have both', () => [leader, follower].every(({ entries }) => entries.length === 2));
    expect([...leader.lost, ...follower.lost]).toEqual([]);
  });

  test('stays when the follower dies and it comes to the leader, and else goes after a while', async () => {
    const [leader, follower] = await two();
    follower.open();
    follower.open('10.0.0.8');
    await until('both have both', () => [leader, follower].every(({ entries }) => entries.length === 2));
    await follower.end();
    const moved = leader.open();
    leader.pass(11_000);
    await until('the other is gone', () => leader.entries.length === 1);
    expect([leader.entries, leader.lost]).toEqual([ENTRY, ['vm-10.0.0.8']]);
    moved.close();
    await haveNone(leader);
  });

  test('stays when the leader dies and it comes to who follows it, and else goes after a while', async () => {
    const [leader, follower] = await two();
    leader.open();
    leader.open('10.0.0.8');
    await until('both have both', () => [leader, follower].every(({ entries }) => entries.length === 2));
    await leader.end();
    follower.open();
    await until('it leads', () => follower.ledger.writer.isWriter());
    await until('the other is gone', () => follower.entries.length === 1);
    expect([follower.entries, follower.lost]).toEqual([ENTRY, ['vm-10.0.0.8']]);
  });
});

test('many are said together, and then only that the replica is there', async () => {
  // Who leads anew is told all anew.
  const [leader, follower] = await two('https', 1_000, 600_000);
  for (let at = 0; at < 100; at += 1) follower.open(`10.0.1.${at}`);
  await until('both have all', () => [leader, follower].every(({ entries }) => entries.length === 100));
  // When it began to follow it may have said that it has none: before the burst, where that came 20 ms later.
  expect(follower.said.map(({ changes }) => changes.length).filter((length) => length > 0)).toEqual([100]);
  const [{ revision }, before] = [leader.ledger, follower.said.length];
  for (let sign = 1; sign < 4; sign += 1) {
    follower.pass(4_000);
    await until('it is said', () => follower.said.length >= before + sign);
  }
  expect(follower.said.slice(before).flatMap(({ changes }) => changes)).toEqual([]);
  expect(leader.ledger.revision).toBe(revision);
});

test('of a burst on all of them no more are registered than there is room for, and the others when there is', async () => {
  const replicas = await two('https', 2);
  const addresses = [1, 2, 3, 4, 5, 6].map((at) => `10.0.1.${at}`);
  const sessions = new Map(addresses.map((address, at) => [`vm-${address}`, replicas[at % 2]!.open(address)]));
  while (sessions.size > 0) {
    // Longer than after which what the leader does not take counts here alone.
    for (const replica of replicas) replica.pass(6_000);
    const count = Math.min(2, sessions.size);
    await until('all have the same', () => {
      const [one, other] = replicas.map(({ entries, ledger }) =>
        [entries, [...ledger.entries('registered').keys()].sort()].join(),
      );
      return one === other && replicas[0].entries.filter((name) => sessions.has(name)).length === count;
    });
    const known = replicas.map(({ registration }) => registration.workloads().filter(({ state }) => state === 'in').length);
    expect(known).toEqual([count, count]);
    expect(replicas[0].entries.length).toBe(count);
    for (const name of replicas[0].entries) {
      sessions.get(name)!.close();
      sessions.delete(name);
    }
  }
  await haveNone(...replicas);
  expect(replicas.flatMap(({ registration }) => [...registration.diagnostics(), ...registration.workloads()])).toEqual([]);
});

test('where the leader is not reached it counts here alone, which is said, and with all once it is', async () => {
  const [leader, follower] = await two();
  follower.isCut = true;
  follower.open();
  await until('it has tried', () => follower.registration.workloads().length === 1);
  expect([follower.entries, follower.registration.diagnostics()]).toEqual([[], []]);
  follower.pass(6_000);
  await haveIt(follower);
  expect(leader.entries).toEqual([]);
  expect(follower.registration.diagnostics()).toMatchObject([
    {
      code: 'workload.not-shared',
      what: '1 workload that has registered here is not in the ledger of the replicas: connection refused',
    },
  ]);
  follower.isCut = false;
  await haveIt(leader);
  await until('it is said no more', () => follower.registration.diagnostics().length === 0);
  expect(follower.lost).toEqual([]);
});

test('what it registered and could not write before another led is forgotten: when it leads again there is no more than there is room for', async () => {
  const [first, second] = await two('https', 1);
  first.way.cut = true;
  first.open('10.0.0.1');
  await until('it wishes it', () => first.ledger.status.waiting > 0);
  await until('the other leads', () => second.ledger.writer.isWriter());
  second.open('10.0.0.2');
  first.way.cut = false;
  await until('both have the other’s', () => [first, second].every(({ entries }) => entries.join() === 'vm-10.0.0.2'));
  const most: number[] = [];
  first.ledger.onCommitted(() => most.push(first.ledger.entries('registered').size));
  await second.end();
  await until('it has its own', () => first.entries.join() === 'vm-10.0.0.1');
  expect(Math.max(...most)).toBe(1);
});

test.each([
  ['node id', { pod: 'n'.repeat(1_500) }],
  ['network', { network: 'n'.repeat(1_500) }],
  ['locality', { zone: 'z'.repeat(1_500) }],
])('one that says a very long %s keeps no other from the leader', async (_, more) => {
  const [leader, follower] = await two();
  follower.open('10.0.0.8', {}, more);
  follower.open();
  await until('both have both', () => [leader, follower].every(({ entries }) => entries.length === 2));
});

test('no token is sent in clear', async () => {
  const [, follower] = await two('http');
  follower.open();
  await until('it has tried', () => follower.registration.workloads().length === 1);
  follower.pass(6_000);
  await until('it says why', () =>
    follower.registration
      .diagnostics()
      .some(({ what }) => what.endsWith('is plain HTTP beyond loopback, where no token is sent')),
  );
  expect(follower.said).toEqual([]);
});

test('a leader that has not heard all is told all anew', async () => {
  const [leader, follower] = await two();
  follower.open();
  await haveIt(leader, follower);
  follower.isCut = true;
  leader.pass(11_000); // it takes the follower for gone
  await haveNone(leader);
  follower.pass(4_000);
  follower.isCut = false;
  await haveIt(leader, follower);
});

test.each([
  ['a key of another', [['shop/other', { claim: claim(), well: true }]]],
  ['no row', [['shop/vm-10.0.0.7', { claim: { ...claim(), labels: { a: 1 } }, well: true }]]],
])('a report with %s is none', (_, changes) => {
  expect(readRegistrations({ replica: 'a', seq: 0, changes })).toBeUndefined();
  expect(readRegistrations({ replica: 'a', seq: 0, changes: [['shop/vm-10.0.0.7', { claim: claim(), well: true }]] })).toEqual({
    ...{ replica: 'a', seq: 0 },
    changes: [['shop/vm-10.0.0.7', { claim: claim(), well: true }]],
  });
});

function claim(): object {
  const more = { network: '', labels: {}, locality: '', probed: false };
  return { node: 'n', namespace: 'shop', group: 'vm', address: '10.0.0.7', ...more };
}
