import { describe, expect, test } from '@jest/globals';
import { CheckAnswer } from './check-answer.ts';
import { DeltaCheck } from './delta-check.ts';

describe('what a check says', () => {
  const xml =
    '<applications>\n  <versions__delta>2</versions__delta>\n  <apps__hashcode>OUT_OF_SERVICE_1_UP_23_</apps__hashcode>\n' +
    '<lastUpdatedTimestamp>1795324017838</lastUpdatedTimestamp><lastUpdatedTimestamp>1795324017808</lastUpdatedTimestamp>';

  test('is the same wherever the answer is cut', () => {
    for (let size = 1; size < xml.length; size += 1) {
      const answer = new CheckAnswer();
      for (let from = 0; from < xml.length; from += size) answer.push(Buffer.from(xml.slice(from, from + size)));
      expect(answer.end()).toEqual({ hash: 'OUT_OF_SERVICE_1_UP_23_', newest: 1_795_324_017_838 });
    }
  });

  test('is nothing where nobody is registered', () => {
    for (const hash of ['<apps__hashcode></apps__hashcode>', '<apps__hashcode/>']) {
      const answer = new CheckAnswer();
      answer.push(Buffer.from(`<applications>${hash}</applications>`));
      expect(answer.end()).toEqual({ hash: '', newest: 0 });
    }
  });
});

describe('when it is checked', () => {
  test('when the same delta comes again, then each 30 s; twice before everything is read', () => {
    const check = new DeltaCheck();
    expect([check.isDue('a', 7, 0), check.isDue('a', 7, 5_000)]).toEqual([false, true]);
    expect(check.took(true, 5_000)).toBe(false);
    expect([check.isDue('a', 7, 34_999), check.isDue('a', 7, 35_000)]).toEqual([false, true]);
    expect([check.took(false, 35_000), check.isDue('a', 7, 40_000), check.took(false, 40_000)]).toEqual([false, true, true]);
    check.tookAll(true, 40_000);
    expect([check.oldVersion('a'), check.oldVersion('b')]).toEqual([7, undefined]);
    expect([check.isDue('a', 8, 45_000), check.oldVersion('a')]).toEqual([false, undefined]);
  });

  test('a change between the delta and its twin is no fault: the next delta has it', () => {
    const check = new DeltaCheck();
    for (const at of [0, 5_000]) check.isDue('a', 7, at);
    expect(check.took(false, 5_000)).toBe(false);
    check.isDue('a', 8, 10_000);
    expect([check.isDue('a', 8, 15_000), check.took(false, 15_000)]).toEqual([true, false]);
  });

  test('a list for another reason calls no delta old', () => {
    const check = new DeltaCheck();
    for (const at of [0, 5_000]) check.isDue('a', 7, at);
    check.took(false, 5_000);
    check.tookAll(true, 6_000);
    expect(check.oldVersion('a')).toBeUndefined();
  });
});
