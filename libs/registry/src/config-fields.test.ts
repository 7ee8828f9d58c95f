import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { durationField } from './config-fields.ts';

describe('durationField', () => {
  const schema = z.strictObject({ every: durationField(100, 60_000).prefault('10s') });

  test('gives milliseconds, those of its default too', () => {
    expect([schema.parse({ every: '30s' }), schema.parse({})]).toEqual([{ every: 30_000 }, { every: 10_000 }]);
  });

  test('refuses what is out of range and what has no unit, and says how to write it', () => {
    const messages = ['2m', '10ms', '30', 'soon'].map((every) => schema.safeParse({ every }).error?.issues[0]?.message);
    expect(messages).toEqual([
      'must be between 100 ms and 60 s',
      'must be between 100 ms and 60 s',
      'is no time: write a number and ms, s, m, h or d, such as 30s',
      'is no time: write a number and ms, s, m, h or d, such as 30s',
    ]);
  });

  test('has a JSON Schema of the text that users write', () => {
    expect(z.toJSONSchema(schema, { io: 'input' })).toMatchObject({ properties: { every: { type: 'string' } } });
  });
});
