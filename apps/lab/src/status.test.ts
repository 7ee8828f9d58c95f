import { expect, test } from '@jest/globals';
import { statusTable } from './status.ts';

test('the table names every part with state, pid and log', () => {
  const table = statusTable(
    {
      lab: { pid: 7, startTicks: 1 },
      startedAt: 0,
      console: 'http://127.0.0.1:15080',
      web: 'http://127.0.0.1:18080',
      parts: [
        { name: 'nacos', state: 'up', process: { pid: 8, startTicks: 2 } },
        { name: 'orders-1', state: 'down, again in 3 s', log: 'logs/orders-1.log' },
      ],
    },
    61_000,
  );
  expect(table.split('\n')).toEqual([
    'lab (pid 7) for 1 min 1 s   web http://127.0.0.1:18080   console http://127.0.0.1:15080',
    '',
    'PART      STATE               PID  LOG',
    'nacos     up                  8',
    'orders-1  down, again in 3 s       logs/orders-1.log',
  ]);
});
