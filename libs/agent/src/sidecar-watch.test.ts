import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Outcome } from './sidecar-probe.ts';
import { SidecarWatch } from './sidecar-watch.ts';

let now: number;
let outcome: Outcome;
let unhealthy: Set<string>;
let unknown: Set<string>;
let wanted: string[];
let asked: string[];
let changes: (string | undefined)[];
let watch: SidecarWatch;

beforeEach(() => {
  now = 0;
  outcome = 'good';
  unhealthy = new Set();
  unknown = new Set();
  wanted = ['orders:80'];
  asked = [];
  changes = [];
  watch = new SidecarWatch({
    now: () => now,
    wanted: () => wanted,
    changed: (sidecar) => changes.push(sidecar),
    probe: {
      sidecar: () => (asked.push('sidecar'), Promise.resolve(outcome)),
      hasHealthyHosts: (authority) => (
        asked.push(authority),
        Promise.resolve(unknown.has(authority) ? undefined : !unhealthy.has(authority))
      ),
    },
  });
});
afterEach(() => watch.close());

async function look(ms = 250): Promise<void> {
  now += ms;
  await watch.look();
}

describe('the watch of the sidecar', () => {
  test('asks nobody anything while no target wants the sidecar', async () => {
    wanted = [];
    await look();
    expect(asked).toEqual([]);
  });

  test('has a target ready once the sidecar is and it has healthy hosts for it', async () => {
    expect(watch.isReady('orders:80')).toBe(false);
    unhealthy.add('orders:80');
    await look();
    expect(watch.isReady('orders:80')).toBe(false);
    unhealthy.clear();
    await look();
    expect(watch.isReady('orders:80')).toBe(true);
    expect(watch.isReady('payments:80')).toBe(false);
    expect(changes).toEqual(['ready', undefined]);
  });

  test('goes on with what it knew of a target where its hosts could not be asked for: a busy sidecar loses none of them', async () => {
    unknown.add('orders:80');
    await look();
    expect(watch.isReady('orders:80')).toBe(false);
    unknown.clear();
    await look();
    unknown.add('orders:80');
    await look();
    expect(watch.isReady('orders:80')).toBe(true);
    unknown.clear();
    unhealthy.add('orders:80');
    await look();
    expect(watch.isReady('orders:80')).toBe(false);
  });

  test('loses it after two bad looks, half a second, and has it back after two seconds of good ones', async () => {
    await look();
    outcome = 'bad';
    await look();
    expect(watch.isReady('orders:80')).toBe(true);
    await look();
    expect(watch.isReady('orders:80')).toBe(false);
    outcome = 'good';
    for (let at = 0; at < 8; at += 1) await look();
    expect(watch.isReady('orders:80')).toBe(false);
    await look();
    expect(watch.isReady('orders:80')).toBe(true);
  });

  test('tells after which good look it was lost, so that whoever had a call with it knows whether that was before', async () => {
    expect(watch.seen).toEqual({ goodLooks: 0, lostAfter: -1 });
    await look();
    await look();
    outcome = 'bad';
    await look();
    expect(watch.seen).toEqual({ goodLooks: 2, lostAfter: -1 });
    await look();
    await look();
    expect(watch.seen).toEqual({ goodLooks: 2, lostAfter: 2, lostAt: 1_000 });
    outcome = 'good';
    await look();
    watch.failed('dead');
    expect(watch.seen).toEqual({ goodLooks: 3, lostAfter: 2, lostAt: 1_000 });
  });

  test('loses it at once when a call finds nobody listening', async () => {
    await look();
    watch.failed('dead');
    expect(watch.isReady('orders:80')).toBe(false);
    expect(changes.at(-1)).toBe('lost');
  });

  test('counts a probe that throws as a bad look', async () => {
    await look();
    const broken = new SidecarWatch({
      now: () => now,
      wanted: () => wanted,
      changed: (sidecar) => changes.push(sidecar),
      probe: { sidecar: () => Promise.reject(new Error('broken')), hasHealthyHosts: () => Promise.reject(new Error('broken')) },
    });
    await broken.look();
    expect(broken.isReady('orders:80')).toBe(false);
    broken.close();
  });

  test('asks for at most eight targets at a look, each of them in its turn', async () => {
    wanted = Array.from({ length: 20 }, (_, at) => `t${at}:80`);
    for (let at = 0; at < 3; at += 1) await look();
    expect(wanted.every((authority) => watch.isReady(authority))).toBe(true);
    asked = [];
    await look();
    expect(asked.filter((one) => one !== 'sidecar')).toHaveLength(8);
    for (let at = 0; at < 2; at += 1) await look();
    expect(new Set(asked.filter((one) => one !== 'sidecar')).size).toBe(20);
  });

  test('has all targets ready with the sidecar where nobody can be asked of their hosts, and says so once', async () => {
    wanted = Array.from({ length: 500 }, (_, at) => `t${at}:80`);
    const nobody = new SidecarWatch({
      now: () => now,
      wanted: () => wanted,
      changed: (sidecar) => changes.push(sidecar),
      probe: {
        asksNobody: true,
        sidecar: () => Promise.resolve(outcome),
        hasHealthyHosts: () => Promise.reject(new Error('nobody is asked')),
      },
    });
    await nobody.look();
    await nobody.look();
    expect(wanted.every((authority) => nobody.isReady(authority))).toBe(true);
    expect(changes).toEqual(['ready', undefined]);
    wanted = ['t7:80'];
    await nobody.look();
    expect([nobody.isReady('t7:80'), nobody.isReady('t8:80')]).toEqual([true, false]);
    outcome = 'bad';
    for (let at = 0; at < 2; at += 1) await nobody.look();
    expect(nobody.isReady('t7:80')).toBe(false);
    nobody.close();
  });
});
