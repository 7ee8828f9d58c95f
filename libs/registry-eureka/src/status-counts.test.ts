import { describe, expect, test } from '@jest/globals';
import { StatusCounts } from './status-counts.ts';

describe('the hash of status counts', () => {
  test('is what a server writes: statuses in order, each with its count', () => {
    const counts = new StatusCounts();
    for (const status of ['UP', 'OUT_OF_SERVICE', 'UP', 'DOWN', 'UP']) counts.add(status, 1);
    expect(counts.hash()).toBe('DOWN_1_OUT_OF_SERVICE_1_UP_3_');
    expect(StatusCounts.parse('DOWN_1_OUT_OF_SERVICE_1_UP_3_').hash()).toBe(counts.hash());
  });

  test('forgets a status that nobody has any more, and is empty for an empty registry', () => {
    const counts = new StatusCounts();
    counts.add('UP', 1);
    counts.add('UP', -1);
    expect(counts.hash()).toBe('');
  });

  test('with what could not be read added is the server’s', () => {
    const counts = new StatusCounts();
    counts.add('UP', 2);
    expect(counts.plus(counts.missingFrom('STARTING_1_UP_5_')).hash()).toBe('STARTING_1_UP_5_');
  });
});
