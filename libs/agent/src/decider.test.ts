import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { RUNGS } from '@isthmus/ladder';
import { Decider } from './decider.ts';
import { Diagnostics } from './diagnostics.ts';
import type { AgentDiagnostic } from './diagnostics.ts';
import { withStickyKey } from './sticky.ts';

const readRecord = (carrier: unknown, name: string): string | undefined => (carrier as Record<string, string>)[name];
const target = (host: string, more: Partial<AgentTarget> = {}): AgentTarget => ({
  host,
  rung: 'traffic',
  addresses: [`10.0.0.1:8080`],
  ...more,
});
const plan = (...targets: AgentTarget[]): AgentPlan => ({ schema: 1, version: 'v1', targets });

let said: AgentDiagnostic[];
let now: number;
let decider: Decider;
beforeEach(() => {
  said = [];
  now = 0;
  decider = new Decider(new Diagnostics({ emit: (diagnostic) => said.push(diagnostic), now: () => now }));
});
const ready = (): void => decider.judge(() => true);

describe('a call', () => {
  test('stays on the SDK without a plan, with a plan for others, and while the sidecar is not ready', () => {
    expect(decider.decide('10.0.0.1', 8080)).toMatchObject({ kind: 'sdk' });
    decider.adopt(plan(target('orders')));
    expect(decider.decide('10.0.0.1', 8080)).toMatchObject({ kind: 'sdk' });
    ready();
    expect(decider.decide('10.0.0.1', 8081)).toMatchObject({ kind: 'sdk' });
    expect(decider.decide('10.0.0.2', 8080)).toMatchObject({ kind: 'sdk' });
  });

  test('to an instance of a target at traffic goes to the sidecar by the name and port of its service', () => {
    decider.adopt(plan(target('orders', { addresses: ['10.0.0.1:8080', '[fd00::1]:8080'] })));
    ready();
    const sidecar = { kind: 'sidecar', rung: 'traffic', authority: 'orders:80' };
    expect(decider.decide('10.0.0.1', 8080)).toMatchObject(sidecar);
    expect(decider.decide('fd00::1', 8080)).toMatchObject(sidecar);
  });

  test('comes back at once when the sidecar is lost, and when the plan says so', () => {
    decider.adopt(plan(target('orders')));
    ready();
    decider.judge(() => false);
    expect(decider.decide('10.0.0.1', 8080).kind).toBe('sdk');
    ready();
    expect(decider.decide('10.0.0.1', 8080).kind).toBe('sidecar');
    decider.adopt(plan(target('orders', { rung: 'sdk' })));
    expect(decider.decide('10.0.0.1', 8080).kind).toBe('sdk');
    decider.adopt(plan());
    expect(decider.decide('10.0.0.1', 8080).kind).toBe('sdk');
  });

  test('to an address that two targets claim stays on the SDK, and says so once a minute', () => {
    decider.adopt(plan(target('orders'), target('payments'), target('reviews', { rung: 'sdk' })));
    ready();
    for (let call = 0; call < 100; call += 1) expect(decider.decide('10.0.0.1', 8080).kind).toBe('sdk');
    expect(said.map(({ code, where }) => [code, where])).toEqual([['ambiguous-address', '10.0.0.1:8080']]);
    expect(said[0]?.message).toContain('orders:80 and payments:80 and reviews:80');
    now += 60_000;
    decider.decide('10.0.0.1', 8080);
    expect(said).toHaveLength(2);
  });
});

describe('a plan for targets that the process does not know and never calls', () => {
  const unknown = Array.from({ length: 10_000 }, (_, n) =>
    target(`unknown-${n}`, {
      addresses: [`10.${1 + (n >> 14)}.${(n >> 8) & 63}.${n & 255}:9000`],
      percent: 50,
      stickyBy: 'header:x',
    }),
  );
  const own = target('orders', { addresses: ['10.0.0.1:8080'] });
  const ways = (): readonly unknown[] =>
    [
      ['10.0.0.1', 8080],
      ['orders', 80],
      ['10.0.0.2', 8080],
      ['other.example', 443],
    ].map(([host, port]) => {
      const { counts: _counts, ...way } = decider.decide(host as string, port as number);
      return way;
    });

  test('moves no call that it is not about, says nothing, and leaves nothing behind with the next one', () => {
    decider.adopt(plan(own));
    ready();
    const before = ways();
    expect(before.map((way) => (way as { kind: string }).kind)).toEqual(['sidecar', 'sidecar', 'sdk', 'sdk']);
    const counts = decider.targets[0]?.counts;
    for (let round = 0; round < 3; round += 1) {
      decider.adopt(plan(own, ...unknown));
      for (let call = 0; call < 100; call += 1) expect(ways()).toEqual(before);
      expect(decider.targets[0]?.counts).toBe(counts);
      decider.adopt(plan(own));
      expect(ways()).toEqual(before);
      expect([decider.targets.length, decider.view().length, decider.wanted]).toEqual([1, 1, ['orders:80']]);
      expect(decider.target('unknown-0:80')).toBeUndefined();
    }
    expect(said).toEqual([]);
  });
});

describe('a share', () => {
  const go = (user: string): string =>
    decider.decide('10.0.0.1', 8080, readRecord, { 'x-user-id': user, cookie: `a=b; id=${user}` }).kind;
  const users = Array.from({ length: 500 }, (_, at) => `user-${at}`);

  test.each(['header:X-User-Id', 'cookie:id'])('by %s keeps each caller on its way, also while it grows', (stickyBy) => {
    let before = new Set<string>();
    for (const percent of [1, 5, 20, 50, 100]) {
      decider.adopt(plan(target('orders', { percent, stickyBy })));
      ready();
      const moved = new Set(users.filter((user) => go(user) === 'sidecar'));
      expect(users.filter((user) => go(user) === 'sidecar')).toEqual([...moved]);
      expect([...before].filter((user) => !moved.has(user))).toEqual([]);
      before = moved;
    }
    expect(before.size).toBe(500);
  });

  test('by key keeps the calls of a key together, awaits in between, and spreads those without one', async () => {
    const ofKey = (key: string): Promise<string> =>
      withStickyKey(key, async () => {
        await Promise.resolve();
        return decider.decide('10.0.0.1', 8080).kind;
      });
    let before = new Set<string>();
    for (const percent of [5, 50, 100]) {
      decider.adopt(plan(target('orders', { percent, stickyBy: 'key' })));
      ready();
      const kinds = new Map<string, string>();
      for (const user of users) kinds.set(user, await ofKey(user));
      for (const user of users) expect(await ofKey(user)).toBe(kinds.get(user));
      const moved = new Set(users.filter((user) => kinds.get(user) === 'sidecar'));
      expect([...before].filter((user) => !moved.has(user))).toEqual([]);
      before = moved;
    }
    expect(before.size).toBe(500);
    decider.adopt(plan(target('orders', { percent: 50, stickyBy: 'key' })));
    ready();
    const kinds = users.map(() => withStickyKey('', () => decider.decide('10.0.0.1', 8080).kind));
    expect(kinds.filter((kind) => kind === 'sidecar').length).toBeGreaterThan(200);
    expect(kinds.filter((kind) => kind === 'sdk').length).toBeGreaterThan(200);
    // A logical call before its first attempt has it too, and one within counts.
    const placed = (key: string) => withStickyKey('around', () => withStickyKey(key, () => decider.place('orders')?.inShare));
    expect(users.map(placed)).toEqual(await Promise.all(users.map(async (user) => (await ofKey(user)) === 'sidecar')));
    expect(said).toEqual([]);
  });

  test('by trace keeps the calls of a trace together, by W3C and B3 alike', () => {
    decider.adopt(plan(target('orders', { percent: 50, stickyBy: 'trace' })));
    ready();
    for (let at = 0; at < 50; at += 1) {
      const id = `4bf92f3577b34da6a3ce929d0e0e${String(at).padStart(4, '0')}`;
      const carriers = [
        { traceparent: `00-${id}-00f067aa0ba902b7-01` },
        { b3: `${id}-00f067aa0ba902b7-1` },
        { 'x-b3-traceid': id },
      ];
      const ways = carriers.map((carrier) => decider.decide('10.0.0.1', 8080, readRecord, carrier).kind);
      expect(new Set(ways).size).toBe(1);
    }
  });

  test('without a key is of the calls, evenly', () => {
    decider.adopt(plan(target('orders', { percent: 20 })));
    ready();
    const moved = Array.from({ length: 1_000 }, () => decider.decide('10.0.0.1', 8080)).filter(({ kind }) => kind === 'sidecar');
    expect(Math.abs(moved.length - 200)).toBeLessThanOrEqual(5);
  });

  test('of resilience leaves the others at traffic: all go through the sidecar', () => {
    decider.adopt(plan(target('orders', { rung: 'resilience', percent: 50 })));
    ready();
    const rungs = new Set(Array.from({ length: 100 }, () => (decider.decide('10.0.0.1', 8080) as { rung?: string }).rung));
    expect(rungs).toEqual(new Set(['traffic', 'resilience']));
  });
});

test('what is said of a target is what its calls do, whatever was planned and lost before', () => {
  const steps = fc.array(
    fc.oneof(
      fc.constantFrom(...RUNGS.filter((rung) => rung !== 'retired')).map((rung) => ({ rung })),
      fc.boolean().map((isReady) => ({ isReady })),
    ),
  );
  fc.assert(
    fc.property(steps, (history) => {
      const one = new Decider(new Diagnostics({ emit: () => undefined, now: () => 0 }));
      for (const event of history) {
        if ('rung' in event) one.adopt(plan(target('orders', event)));
        else one.judge(() => event.isReady);
      }
      const decision = one.decide('10.0.0.1', 8080);
      // At `shadow` a call is the SDK's: only its view is compared.
      expect(one.view().map(({ effective }) => (effective === 'shadow' ? 'sdk' : effective))).toEqual(
        one.view().map(() => (decision.kind === 'sdk' ? 'sdk' : decision.rung)),
      );
    }),
  );
});

test('plans one after the other come to what the last one alone says', () => {
  const ports = ['8080', '8081'];
  const planned = fc.record({
    rung: fc.constantFrom(...RUNGS),
    addresses: fc
      .subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3'])
      .chain((hosts) => fc.constantFrom(...ports).map((port) => hosts.map((host) => `${host}:${port}`))),
    sdkNames: fc.subarray(['nacos/public/DEFAULT_GROUP/a', 'nacos/public/DEFAULT_GROUP/b']),
    timeoutMs: fc.constantFrom(100, 200),
  });
  const targets = fc.dictionary(fc.constantFrom('orders', 'stock', 'users'), planned);
  const planOf = (of: Record<string, Partial<AgentTarget>>): AgentPlan =>
    plan(...Object.entries(of).map(([host, more]) => target(host, more)));
  fc.assert(
    fc.property(fc.array(targets, { minLength: 1, maxLength: 5 }), (plans) => {
      const fresh = new Decider(new Diagnostics({ emit: () => undefined, now: () => 0 }));
      ready();
      fresh.judge(() => true);
      for (const one of plans) decider.adopt(planOf(one));
      fresh.adopt(planOf(plans.at(-1) ?? {}));
      const seen = (one: Decider) => [
        one.view(),
        ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'orders', 'stock', 'users'].flatMap((host) =>
          [80, 8080, 8081].map((port) => ({ ...one.decide(host, port), counts: undefined })),
        ),
        ['orders', 'stock', 'users', 'nacos/public/DEFAULT_GROUP/a', 'nacos/public/DEFAULT_GROUP/b'].map((name) => {
          const { authority, timeoutMs } = one.place(name) ?? {};
          return [authority, timeoutMs];
        }),
      ];
      expect(seen(decider)).toEqual(seen(fresh));
    }),
  );
});
