import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KubeClient } from './kube-client.ts';
import { LeaseElection } from './lease-election.ts';
import type { LeaseElectionOptions } from './lease-election.ts';
import { LEASES } from './resource.ts';
import { FakeApi } from './testing/fake-api.ts';

const LEASE = { namespace: 'mesh', name: 'isthmus' };

let api: FakeApi;
let client: KubeClient;
const running: { readonly abort: AbortController; readonly done: Promise<void> }[] = [];

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
  client = new KubeClient(api.access(), { timeoutMs: 500 });
});
afterEach(async () => {
  for (const { abort } of running) abort.abort();
  await Promise.all(running.splice(0).map(({ done }) => done));
  client.close();
  await api.stop();
});

/** Clocks that tests set; waiting is real, in steps of 20 ms. */
class Replica {
  readonly clock = { monotonic: 1_000, wall: 1_700_000_000_000 };
  readonly election: LeaseElection;
  readonly told: boolean[] = [];
  readonly abort = new AbortController();
  readonly done: Promise<void>;

  constructor(identity: string, options: Partial<LeaseElectionOptions> = {}, own = client) {
    this.election = new LeaseElection(own, {
      ...LEASE,
      identity,
      durationMs: 15_000,
      everyMs: 20,
      monotonic: () => this.clock.monotonic,
      wall: () => this.clock.wall,
      ...options,
    });
    this.election.onChange((is) => this.told.push(is));
    this.done = this.election.run(this.abort.signal);
    running.push(this);
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.clock.monotonic += ms;
    this.clock.wall += ms;
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`"${what}" did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const leads = (replica: Replica) => until(`${replica.election.identity} leads`, () => replica.election.isWriter());
/** Everybody has looked at the lease again. */
async function looked(times = 3): Promise<void> {
  const gets = () => api.requests.filter((line) => line.startsWith('GET')).length;
  const before = gets();
  await until('the lease was looked at', () => gets() >= before + times);
}

test('the first takes the lease, the second waits and knows who leads', async () => {
  const a = new Replica('a');
  await leads(a);
  const b = new Replica('b');
  await until('b has seen the lease', () => b.election.leader() === 'a');
  expect(b.election.isWriter()).toBe(false);
  expect(b.election.fence()).toBeUndefined();
  expect(a.election.fence()).toEqual({ identity: 'a', transitions: 1 });
  expect(a.told).toEqual([true]);
  expect(api.get(LEASES, 'isthmus', 'mesh')).toMatchObject({
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: expect.stringMatching(/\.\d{6}Z$/) },
  });
});

test('of two that start together one leads', async () => {
  const both = [new Replica('a'), new Replica('b')];
  await until('one leads', () => both.some(({ election }) => election.isWriter()));
  await looked(6);
  expect(both.filter(({ election }) => election.isWriter())).toHaveLength(1);
});

test('given back in order, the lease is somebody else’s as soon as they look, with a higher fence', async () => {
  const a = new Replica('a');
  await leads(a);
  const b = new Replica('b');
  await until('b has seen a', () => b.election.leader() === 'a');
  a.abort.abort();
  await a.done;
  expect(a.election.isWriter()).toBe(false);
  expect(a.told).toEqual([true, false]);
  b.pass(1_100); // what a released lease is worth
  await leads(b);
  expect(b.election.fence()).toEqual({ identity: 'b', transitions: 2 });
});

describe('a holder that cannot renew', () => {
  test('stops by its own clock before anybody else may start', async () => {
    const a = new Replica('a', {}, new KubeClient(api.access('of-a'), { timeoutMs: 500 }));
    api.tokens.add('of-a');
    await leads(a);
    const b = new Replica('b');
    await until('b has seen a', () => b.election.leader() === 'a');
    api.tokens.delete('of-a'); // a is cut off, b is not
    await until('a noticed', () => a.election.problem?.reason === 'unauthorized');
    const [aLeadsUntil, bLeadsFrom] = [10_000, 15_000];
    for (let passed = 0; passed < 20_000; passed += 500) {
      for (const replica of [a, b]) replica.pass(500);
      if (passed >= aLeadsUntil) expect(a.election.isWriter()).toBe(false);
      if (passed < bLeadsFrom - 500) expect(b.election.isWriter()).toBe(false);
      await looked(2);
    }
    await leads(b);
    expect(a.told).toEqual([true, false]);
  });

  test('does not lead at the moment in which a paused process goes on, whoever it asks first', async () => {
    const a = new Replica('a');
    await leads(a);
    api.hang(); // it cannot ask anybody yet
    a.pass(60_000);
    expect(a.election.isWriter()).toBe(false);
    expect(a.election.fence()).toBeUndefined();
  });

  test('does not lead after the machine slept, although its monotonic clock stood still', async () => {
    const a = new Replica('a');
    await leads(a);
    api.hang();
    a.clock.wall += 60_000;
    expect(a.election.isWriter()).toBe(false);
  });

  test('leads on when its wall clock is set back', async () => {
    const a = new Replica('a');
    await leads(a);
    api.hang();
    a.clock.wall -= 3_600_000;
    expect(a.election.isWriter()).toBe(true);
  });

  test('tells the end in time, although the server does not answer', async () => {
    const a = new Replica('a', { durationMs: 1_000, giveUpMs: 400, monotonic: () => performance.now(), wall: () => Date.now() });
    await leads(a);
    api.hang();
    await until('a knows', () => a.told.at(-1) === false);
    api.resume();
    await leads(a);
    expect(a.election.fence()?.transitions).toBe(1); // nobody was in between
  });
});

test('a clock that is set forward on a waiting replica takes nobody’s lease', async () => {
  const a = new Replica('a');
  await leads(a);
  const b = new Replica('b');
  await until('b has seen a', () => b.election.leader() === 'a');
  b.clock.wall += 3_600_000;
  await looked(6);
  expect(b.election.isWriter()).toBe(false);
});

test('a holder whose lease somebody else has written stops at once', async () => {
  const a = new Replica('a');
  await leads(a);
  const lease = api.get<{ metadata: { name: string; namespace: string }; spec: object }>(LEASES, 'isthmus', 'mesh');
  api.put(LEASES, {
    metadata: { name: 'isthmus', namespace: 'mesh' },
    spec: { ...lease?.spec, holderIdentity: 'thief' },
  } as never);
  await until('a knows', () => !a.election.isWriter());
  expect(a.election.leader()).toBe('thief');
});

test('missing rights are a problem that names the rule', async () => {
  api.forbidden.add('create leases');
  const a = new Replica('a');
  await until('a problem', () => a.election.problem !== undefined);
  expect(a.election.problem?.remedy).toBe(
    'add to a Role of the account in namespace mesh: { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: [create] }',
  );
  api.forbidden.clear();
  await leads(a);
  expect(a.election.problem).toBeUndefined();
});

test('times that leave no room for one another are refused', () => {
  expect(() => new LeaseElection(client, { ...LEASE, durationMs: 1_500 })).toThrow(RangeError);
  expect(() => new LeaseElection(client, { ...LEASE, durationMs: 2_000, giveUpMs: 2_000 })).toThrow(
    'everyMs < giveUpMs < durationMs',
  );
});
