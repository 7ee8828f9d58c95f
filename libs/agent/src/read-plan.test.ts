import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LONGEST_PLAN, readPlan } from './read-plan.ts';

const target = { host: 'Orders.nacos', rung: 'traffic', addresses: ['10.0.0.1:8080', '[::1]:80', 'node-7:80'] };
const text = (...targets: unknown[]): string => JSON.stringify({ schema: 1, version: 'v', targets });
const why = (json: string): string => {
  const read = readPlan(json);
  return read.ok ? '' : read.why;
};

describe('a plan', () => {
  test('is read with what it leaves out, and fields of later versions are ignored', () => {
    const read = readPlan(text({ ...target, later: 1 }));
    expect(read).toEqual({
      ok: true,
      plan: {
        schema: 1,
        version: 'v',
        targets: [{ ...target, host: 'orders.nacos', port: 80, percent: 100, hand: ['timeout', 'retry', 'circuitBreaking'] }],
      },
    });
  });

  test.each([
    ['<html>502 Bad Gateway</html>', 'HTML'],
    ['', 'not JSON'],
    ['[]', 'no object'],
    ['{"schema":2,"version":"v","targets":[]}', 'its schema is 2, and this agent reads schema 1'],
    ['{"schema":1,"version":"v"}', 'targets is not a list'],
    [text({ ...target, host: 'a b' }), 'targets[0].host is no host: "a b"'],
    [text({ ...target, host: 'a\r\nX-Evil: 1' }), 'is no host'],
    [text({ ...target, port: 0 }), 'targets[0].port'],
    [text(target, { ...target, host: 'b', rung: 'half' }), 'targets[1].rung is no rung: "half"'],
    [text({ ...target, percent: 101 }), 'percent'],
    [text({ ...target, stickyBy: 'header:' }), 'stickyBy'],
    [text({ ...target, hand: ['fallback'] }), 'hand'],
    [text({ ...target, addresses: ['10.0.0.1'] }), 'addresses'],
    [text(target, target), 'orders.nacos:80 is a target twice'],
    [' '.repeat(LONGEST_PLAN + 1), 'at most'],
  ])('of %.60s is refused as a whole, with the reason', (json, reason) => {
    expect(why(json)).toContain(reason);
  });

  test('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (json) => typeof readPlan(json).ok === 'boolean'));
    const field = fc.constantFrom('host', 'port', 'rung', 'percent', 'stickyBy', 'hand', 'addresses');
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => typeof readPlan(text({ ...target, [name]: value })).ok === 'boolean'),
    );
  });
});
