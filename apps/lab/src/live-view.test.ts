import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { renderLine, renderView, type ViewModel } from './live-view.ts';

const model: ViewModel = {
  seconds: 83.4,
  console: 'http://127.0.0.1:15080',
  parts: [
    { name: 'nacos', group: 'servers', state: 'up' },
    { name: 'consul', group: 'servers', state: 'building, 132 s' },
    { name: 'bridge', group: 'servers', state: 'down, again in 12 s' },
    { name: 'orders-1', group: 'services', state: 'up' },
    { name: 'inventory-1', group: 'services', state: 'waits for consul' },
  ],
  sources: [
    { name: 'old', state: 'live' },
    { name: 'shop', state: 'stale for 12 s' },
  ],
  traffic: {
    sdk: {
      perSecond: 19.96,
      errors: 1,
      errorsSinceStart: 137,
      lastError: 'orders: connect ECONNREFUSED 127.0.0.1:18103',
      services: new Map([
        [
          'orders',
          [
            { instance: '127.0.0.1:18101', version: 'v1', share: 0.6 },
            { instance: '127.0.0.1:18102', version: 'v1', share: 0.4 },
          ],
        ],
      ]),
      pending: new Map([['inventory', 'not registered yet']]),
    },
    mesh: {
      perSecond: 20,
      errors: 0,
      errorsSinceStart: 1,
      lastError: undefined,
      services: new Map([['orders', [{ instance: '127.0.0.1:18101', version: 'v1', share: 1 }]]]),
      pending: new Map(),
    },
  },
  notes: ['14 s: the first request went through by SDK and by Envoy', '71 s: orders-3 went down'],
  tries: [{ command: 'curl -s http://127.0.0.1:18080/checkout', why: 'one purchase by both ways' }],
};

test('the view is as in testdata/live-view.txt', async () => {
  const file = join(import.meta.dirname, 'testdata/live-view.txt');
  const text = `${renderView(model, 100).join('\n')}\n\n--- as a line\n${renderLine(model)}\n`;
  if (process.env['UPDATE_GOLDENS'] === '1') await writeFile(file, text);
  expect(text).toBe(await readFile(file, 'utf8'));
});

test('no line is wider than the terminal', () => {
  for (const columns of [20, 40, 80]) {
    expect(Math.max(...renderView(model, columns).map((line) => line.length))).toBeLessThanOrEqual(columns);
  }
});
