import { describe, expect, test } from '@jest/globals';
import type { Resource } from '@isthmus/model';
import { LARGE_MESSAGE, SendBudget } from './send-budget.ts';
import type { SendBudgetLimits } from './send-budget.ts';
import { FakeTime } from './testing/fake-time.ts';
import { Wire, resource } from './testing/wire.ts';
import { CDS, EDS } from './type-urls.ts';

describe('slow readers', () => {
  const large = (version: string): Resource => resource('a', version, LARGE_MESSAGE);

  test('get nothing more until they have read a large message, and then the newest', () => {
    const wire = new Wire('delta').open();
    wire.reads = false;
    wire.commit([CDS, 'a', large('1')], [EDS, 'a', '1']);
    wire.ask(CDS);
    wire.ask(EDS, ['a']);
    wire.commit([EDS, 'a', '2']);
    expect(wire.pushes()).toEqual(['CDS a']);
    wire.undrained.shift()!();
    expect(wire.pushes()).toEqual(['EDS a']);
  });

  const two = (budget: Partial<SendBudgetLimits>): [Wire, Wire] => {
    const time = new FakeTime();
    const shared = new SendBudget(budget, time.timers);
    const first = new Wire('sotw', { budget: shared, clock: time.clock, timers: time.timers }).open();
    const second = new Wire('sotw', { budget: shared, clock: time.clock, timers: time.timers }, first).open();
    first.reads = false;
    first.commit([CDS, 'a', large('1')], [EDS, 'a', '1']);
    pass = (ms) => time.pass(ms);
    return [first, second];
  };
  let pass: (ms: number) => void;

  test('wait for one another when too much is under way', () => {
    const [first, second] = two({ underWay: 1 });
    first.ask(CDS);
    second.ask(CDS);
    expect([first.pushes(), second.pushes()]).toEqual([['CDS a'], []]);
    first.undrained.shift()!();
    expect(second.pushes()).toEqual(['CDS a']);
  });

  test('hold up nobody for more than a second, and what is small not at all', () => {
    const [stuck, other] = two({ underWay: 1 });
    stuck.ask(CDS);
    other.ask(CDS);
    other.ask(EDS, ['a']);
    expect(other.pushes()).toEqual(['EDS a']);
    pass(1_000);
    expect(other.pushes()).toEqual(['CDS a']);
    expect(stuck.ended).toBeUndefined();
  });

  test('are given up after half a minute', () => {
    const [stuck] = two({});
    stuck.ask(CDS);
    pass(29_999);
    expect(stuck.ended).toBeUndefined();
    pass(1);
    expect(stuck.ended).toMatchObject({ code: 4, message: expect.stringContaining('has not read') });
  });

  test('are given up before that when too many of them have stalled, the longest first', () => {
    const [first, second] = two({ stalled: LARGE_MESSAGE });
    second.reads = false;
    first.ask(CDS);
    pass(1);
    second.ask(CDS);
    pass(1_000);
    expect(first.ended).toMatchObject({ code: 4, message: expect.stringContaining('memory') });
    expect(second.ended).toBeUndefined();
  });
});
