import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ListedEntry, Publication } from './registry-sink.ts';
import { addressKey, entryOf, planPublication } from './sink-plan.ts';
import type { PlanInput } from './sink-plan.ts';
import { testPublication } from './testing/publication.ts';

const publication = (...places: readonly string[]) => testPublication('orders', places, 30_000);
const listedAs = (
  from: Publication,
  n: number,
  change: Partial<{ mesh: string; owner: string; version: string }> = {},
): ListedEntry => {
  const instance = from.instances[n];
  if (instance === undefined) throw new Error('no such instance');
  const { address, port, marks } = entryOf(from, instance, 'us', 'me');
  return { address, port, marks: { ...marks, ...change } };
};
const foreign = (address: string, port: number): ListedEntry => ({ address, port, marks: undefined });
const plan = (input: Partial<PlanInput>) =>
  planPublication({
    meshId: 'us',
    owner: 'me',
    wanted: undefined,
    written: undefined,
    listed: [],
    changed: true,
    isComplete: () => true,
    ...input,
  }).map(({ action, entry }) => `${action} ${entry.address}:${entry.port}`);

describe('the plan for one name', () => {
  const one = publication('10.0.0.1:80');

  test('what is there as wanted stays, what is not is registered, what differs is changed', () => {
    expect(plan({ wanted: one })).toEqual(['register 10.0.0.1:80']);
    expect(plan({ wanted: one, listed: [listedAs(one, 0)] })).toEqual(['keep 10.0.0.1:80']);
    expect(plan({ wanted: publication('10.0.0.1:80 2'), listed: [listedAs(one, 0)] })).toEqual(['change 10.0.0.1:80']);
  });

  test('an address that somebody else registered is left alone; ours goes when the instance registers itself', () => {
    expect(plan({ wanted: one, listed: [foreign('10.0.0.1', 80)] })).toEqual(['leave 10.0.0.1:80']);
    expect(plan({ wanted: one, listed: [foreign('10.0.0.1', 80), listedAs(one, 0)] })).toEqual(['deregister 10.0.0.1:80']);
    expect(plan({ wanted: one, listed: [listedAs(one, 0, { mesh: 'them' })] })).toEqual(['leave 10.0.0.1:80']);
  });

  test('what we wrote and nobody wants goes, but not before its source has been read, and only if it is still ours', () => {
    const listed = [listedAs(one, 0)];
    expect(plan({ written: one, listed })).toEqual(['deregister 10.0.0.1:80']);
    expect(plan({ written: one, listed, isComplete: () => false })).toEqual(['wait 10.0.0.1:80']);
    expect(plan({ written: one, listed: [listedAs(one, 0, { owner: 'another' })] })).toEqual(['leave 10.0.0.1:80']);
    expect(plan({ written: one, listed: [foreign('10.0.0.1', 80)] })).toEqual([]);
    expect(plan({ listed })).toEqual([]); // not written by us as far as we know: it expires by itself
  });

  test('another bridge of the mesh is overwritten once, when what we want changes, and never in turns', () => {
    const listed = [listedAs(one, 0, { owner: 'another', version: 'other' })];
    expect(plan({ wanted: one, listed, changed: true })).toEqual(['change 10.0.0.1:80']);
    expect(plan({ wanted: one, listed, changed: false })).toEqual(['keep 10.0.0.1:80']);
  });

  test('law: whatever is there, nothing of others is ever written or removed', () => {
    const place = fc.integer({ min: 1, max: 4 }).map((n) => `10.0.0.${n}:80`);
    const places = fc.uniqueArray(place, { maxLength: 4 });
    const entry = fc.record({
      n: fc.integer({ min: 1, max: 4 }),
      mesh: fc.constantFrom(undefined, 'us', 'them'),
      owner: fc.constantFrom('me', 'another'),
    });
    fc.assert(
      fc.property(
        places,
        places,
        fc.array(entry, { maxLength: 6 }),
        fc.boolean(),
        fc.boolean(),
        (want, wrote, there, changed, complete) => {
          const listed = there.map(({ n, mesh, owner }): ListedEntry => ({
            address: `10.0.0.${n}`,
            port: 80,
            marks: mesh === undefined ? undefined : { mesh, owner, origin: '', path: [mesh], version: 'x' },
          }));
          const steps = planPublication({
            meshId: 'us',
            owner: 'me',
            wanted: want.length === 0 ? undefined : publication(...want),
            written: wrote.length === 0 ? undefined : publication(...wrote),
            listed,
            changed,
            isComplete: () => complete,
          });
          for (const { action, entry: of } of steps) {
            const at = listed.filter((other) => addressKey(other) === addressKey(of));
            const isWritten = action === 'register' || action === 'change';
            if (isWritten) expect(at.every((other) => other.marks?.mesh === 'us')).toBe(true);
            if (action === 'deregister') expect(at.some((other) => other.marks?.mesh === 'us')).toBe(true);
            if (action === 'deregister' && !complete) expect(want).toContain(`${of.address}:${of.port}`);
          }
          expect(new Set(steps.map(({ entry: of }) => addressKey(of))).size).toBe(steps.length);
        },
      ),
    );
  });
});
