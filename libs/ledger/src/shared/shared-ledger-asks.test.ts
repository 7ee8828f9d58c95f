import { until } from '@isthmus/model/testing';
import { afterEach, describe, expect, test } from '@jest/globals';
import { MemoryServer } from '../testing/memory-store.ts';
import {
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

describe('a follower that sees what the leader does not', () => {
  test('asks it, and the leader goes on leading', async () => {
    const server = new MemoryServer();
    const [a, b, c] = [replica(server, 'a'), replica(server, 'b'), replica(server, 'c')];
    const { leader, others } = await leaderOf(a, b, c);
    leader.ledger.onAsked((hosts) => hosts.forEach((host, i) => leader.ledger.put('vip', host, `240.241.0.${i + 1}`)));
    const { epoch } = leader.ledger.status;
    for (const [i, other] of others.entries()) {
      await until('it has asked and was answered', () => {
        other.ledger.ask([`only-${i}.test`]);
        return vipsOf(other)[`only-${i}.test`] !== undefined;
      });
    }
    await until('all have them', () => [a, b, c].every((r) => r.ledger.entries('vip').size === 2));
    expect(leader.ledger.status).toMatchObject({ role: 'leader', epoch });
    await until('the questions are gone', () => parseHead(server.history.at(-1) ?? '', '').asks.length === 0);
    expectOneWriterAtATime(server);
    expectEqualByRevision(a, b, c);
  });

  test('does not keep a leader in office that is cut off, and is answered by the next one', async () => {
    const server = new MemoryServer();
    const [a, b, c] = [replica(server, 'a'), replica(server, 'b'), replica(server, 'c')];
    const { leader, others } = await leaderOf(a, b, c);
    for (const { ledger } of others) ledger.onAsked((hosts) => hosts.forEach((host) => ledger.put('vip', host, '240.241.0.1')));
    await until('both know who leads', () => others.every(({ ledger }) => ledger.status.leader?.id === leader.ledger.status.id));
    leader.store.cut = true;
    let asked = 0;
    await until('another leads, whatever is asked meanwhile', () => {
      for (const { ledger } of others) ledger.ask([`only-${(asked += 1)}.test`]);
      return others.some(leads);
    });
    await until('the first question is answered', () => others.every((other) => Object.keys(vipsOf(other)).length > 0));
    expectOneWriterAtATime(server);
  });
});
