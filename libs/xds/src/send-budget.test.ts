import { describe, expect, test } from '@jest/globals';
import type { Resource } from '@isthmus/model';
import { LARGE_MESSAGE, SendBudget } from './send-budget.ts';
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

  test('wait for one another when too much is under way', () => {
    const budget = new SendBudget(1);
    const [first, second] = [new Wire('sotw', { budget }).open(), new Wire('sotw', { budget }).open()];
    for (const wire of [first, second]) {
      wire.reads = false;
      wire.commit([CDS, 'a', large('1')]);
      wire.ask(CDS);
    }
    expect([first.pushes(), second.pushes()]).toEqual([['CDS a'], []]);
    first.undrained.shift()!();
    expect(second.pushes()).toEqual(['CDS a']);
  });

  test('are given up after half a minute, and hold up nobody else', () => {
    const budget = new SendBudget(1);
    const [stuck, other] = [new Wire('sotw', { budget }).open(), new Wire('sotw', { budget }).open()];
    stuck.reads = false;
    for (const wire of [stuck, other]) {
      wire.commit([CDS, 'a', large('1')]);
      wire.ask(CDS);
    }
    expect(other.pushes()).toEqual([]);
    stuck.pass(30_000);
    expect(stuck.ended).toMatchObject({ code: 4, message: expect.stringContaining('has not read') });
    expect(other.pushes()).toEqual(['CDS a']);
  });
});
