import { MemoryLedger } from '@isthmus/ledger';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_GUARD } from './removal-guard.ts';
import { service, snapshotOf, upsert } from './testing/records.ts';
import { WatchedCatalog } from './testing/watched-catalog.ts';

const GRACE = 60_000;
const twenty = Array.from({ length: 20 }, (_, n) => service(`s${n}`, [8000 + n]));

/** Read completely, then away for so long, and followed again. */
function away(ms: number, restartGrace = GRACE): WatchedCatalog {
  const made = new WatchedCatalog(new MemoryLedger(), { restartGrace })
    .say(snapshotOf(twenty))
    .status({ state: 'live' })
    .wait(1_000);
  return back(made, ms);
}

function back(made: WatchedCatalog, ms: number): WatchedCatalog {
  made.status({ state: 'stale', since: made.clock.time, cause: 'no answer' }).wait(ms);
  return made.say(snapshotOf(twenty)).status({ state: 'live' });
}

describe('what a registry drops after it was away itself', () => {
  test('waits for the grace: its provider could not renew, and is back before', () => {
    const made = away(60_000).remove('s3').wait(5_000);
    expect(made.ports('s3')).toEqual([8003]);
    expect(made.scope.held).toMatchObject({ removing: 1, of: 20, services: ['a/ns/g/s3'] });
    made.say(upsert(service('s3', [8003])));
    expect(made.scope.held).toBeUndefined();
    expect(made.wait(2 * GRACE).ports('s3')).toEqual([8003]);
  });

  test('goes at its end, when nobody came back: all of it at the same moment, whenever it was dropped', () => {
    const made = away(60_000).remove('s3').wait(50_000).remove('s4');
    expect([made.ports('s3'), made.ports('s4')]).toEqual([[8003], [8004]]);
    made.wait(9_000);
    expect([made.ports('s3'), made.ports('s4')]).toEqual([[8003], [8004]]);
    made.wait(1_000);
    expect([made.ports('s3'), made.ports('s4'), made.scope.held]).toEqual([[], [], undefined]);
    expect(made.remove('s5').ports('s5')).toEqual([]);
  });

  test('waits no shorter for being many', () => {
    const made = away(60_000);
    for (const { key } of twenty) made.remove(key.name);
    made.wait(GRACE - 1_000);
    expect(twenty.filter(({ key }) => made.ports(key.name).length > 0)).toHaveLength(20);
    made.wait(1_000);
    expect(twenty.filter(({ key }) => made.ports(key.name).length > 0)).toHaveLength(0);
  });

  test('is held for being many as at any time, also when the grace is over soon', () => {
    const made = away(60_000).wait(GRACE - 1_000);
    for (const { key } of twenty) made.remove(key.name);
    made.wait(2_000);
    expect(made.scope.retained).toEqual({ mass: 10, outage: 0, flap: 0 });
    made.wait(DEFAULT_GUARD.confirmAfterMs);
    expect(made.scope.held).toBeUndefined();
  });

  test('goes at once when an operator says so', () => {
    expect(away(60_000).remove('s3').release().ports('s3')).toEqual([]);
  });

  test('goes at once after a break that was too short for a provider to be lost', () => {
    expect(away(14_000).remove('s3').ports('s3')).toEqual([]);
  });

  test('goes at once where instances do not have to renew: Kubernetes, a file, another bridge', () => {
    expect(away(60_000, 0).remove('s3').ports('s3')).toEqual([]);
  });

  test('goes at once after a restart of the bridge: it was us who were away', () => {
    const made = away(1_000).wait(1_000).restart();
    made.wait(60_000).say(snapshotOf(twenty)).status({ state: 'live' });
    expect(made.remove('s3').ports('s3')).toEqual([]);
  });

  test('waits on while the registry is away again, and for the grace from then on', () => {
    const made = away(60_000).remove('s3').wait(30_000);
    made.status({ state: 'stale', since: made.clock.time, cause: 'no answer' }).wait(300_000);
    expect(made.ports('s3')).toEqual([8003]);
    made.status({ state: 'live' }).wait(GRACE - 1_000);
    expect(made.ports('s3')).toEqual([8003]);
    expect(made.wait(1_000).ports('s3')).toEqual([]);
  });

  describe('while its source waits for what it does not list yet', () => {
    /** Away for a minute, and read again; s0 has not come back. */
    const returning = (made: WatchedCatalog) => {
      const { status } = made.scope;
      const since = status.state === 'stale' ? status.since : made.clock.time;
      return made.status({ state: 'stale', since, cause: 'is back', backSince: made.clock.time });
    };
    const lost = (made = away(1_000).wait(60_000)) =>
      made.status({ state: 'stale', since: made.clock.time, cause: 'no answer' }).wait(60_000);
    const without = (...names: readonly string[]) => snapshotOf(twenty.filter(({ key }) => !names.includes(key.name)));

    test('waits for one grace from when it was read again, not for two', () => {
      const made = returning(lost()).wait(GRACE);
      made.say(without('s0')).status({ state: 'live' });
      expect([made.ports('s0'), made.remove('s3').ports('s3')]).toEqual([[], []]);
    });

    test('is not believed at once, and goes with the end of the grace', () => {
      const made = returning(lost())
        .wait(10_000)
        .say(upsert(service('s3', [])))
        .wait(49_000);
      expect(made.ports('s3')).toEqual([8003]);
      made.say(without('s3')).status({ state: 'live' });
      expect(made.ports('s3')).toEqual([8003]);
      expect([made.wait(1_000).ports('s3'), made.scope.held]).toEqual([[], undefined]);
    });

    test('waits for the rest of it when all came back before', () => {
      const made = returning(lost()).wait(20_000).say(snapshotOf(twenty)).status({ state: 'live' }).remove('s3');
      expect(made.wait(39_000).ports('s3')).toEqual([8003]);
      expect(made.wait(1_000).ports('s3')).toEqual([]);
    });

    test('waits for a grace anew when the registry is lost again', () => {
      const made = returning(lost(returning(lost()).wait(50_000)))
        .wait(50_000)
        .say(upsert(service('s3', [])));
      expect(made.wait(5_000).ports('s3')).toEqual([8003]);
      made.say(without('s3')).status({ state: 'live' });
      expect(made.wait(4_000).ports('s3')).toEqual([8003]);
      expect(made.wait(1_000).ports('s3')).toEqual([]);
    });
  });

  test('waits no longer than the grace when the clock is set back meanwhile', () => {
    const made = away(60_000);
    made.clock.time -= 7_200_000;
    expect(made.remove('s3').ports('s3')).toEqual([]);
  });

  test('is listed with the reason and the time that is left', () => {
    const made = away(60_000).remove('s3').wait(10_000);
    const [retained] = made.catalog.recordOf('a/ns/g/s3' as never)?.retained.values() ?? [];
    expect(retained).toMatchObject({ why: 'outage', forMs: GRACE });
    expect(retained && made.catalog.goesIn(made.scope, retained)).toBe(50_000);
    expect(made.catalog.heldFor(made.scope)).toBe(50_000);
  });
});

test('the age of what a lost registry had counts from its last word, not from when that was noticed', () => {
  const made = new WatchedCatalog(new MemoryLedger()).say(snapshotOf(twenty)).status({ state: 'live' }).wait(400_000);
  const lastWord = made.clock.time - 8_000;
  made.status({ state: 'stale', since: lastWord, cause: 'no answer within 5 s' });
  expect(made.scope.asOf).toBe(lastWord);
  made.wait(50_000).restart();
  expect(made.scope).toMatchObject({ asOf: lastWord, status: { state: 'stale', since: lastWord } });
});
