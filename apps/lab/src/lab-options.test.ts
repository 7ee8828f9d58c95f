import { expect, test } from '@jest/globals';
import { LabUsageError, readLabOptions } from './lab-options.ts';

test('without arguments the lab goes up on the ports that everybody knows', () => {
  expect(readLabOptions([], '/home/me')).toEqual({
    command: 'up',
    dir: '/home/me/.isthmus/lab',
    ci: false,
    with: new Set(),
    ports: { kind: 'fixed', offset: 0 },
    consul: 'auto',
    output: 'table',
  });
});

test('extras may come together or one by one', () => {
  expect(readLabOptions(['up', '--with', 'istiod,nacos3'], '/').with).toEqual(new Set(['istiod', 'nacos3']));
  expect(readLabOptions(['up', '--with', 'istiod', '--with', 'nacos3'], '/').with).toEqual(new Set(['istiod', 'nacos3']));
});

test.each([
  [['sideways'], 'unknown: sideways'],
  [['up', 'down'], 'unknown: up down'],
  [['up', '--with', 'docker'], '--with takes istiod and nacos3, not docker'],
  [['up', '--port-offset', '-1'], '--port-offset'],
  [['up', '--port-offset', '1', '--free-ports'], 'exclude each other'],
  [['status', '-o', 'xml'], '-o is table or json, not xml'],
  [['up', '--fast'], "Unknown option '--fast'"],
])('%j is refused with the reason', (args, reason) => {
  expect(() => readLabOptions(args, '/')).toThrow(LabUsageError);
  expect(() => readLabOptions(args, '/')).toThrow(reason);
});
