import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { clockSkew, skewFinding } from './clock-skew.ts';

const at = Date.parse('Sat, 21 Nov 2026 16:00:00 GMT');

test.each([
  ['Sat, 21 Nov 2026 16:00:04 GMT', undefined],
  ['Sat, 21 Nov 2026 15:59:56 GMT', undefined],
  ['Sat, 21 Nov 2026 16:01:00 GMT', 'the clock of S is 60 s ahead of ours'],
  ['Sat, 21 Nov 2026 15:00:00 GMT', 'the clock of S is 3600 s behind ours'],
  ['yesterday', undefined],
  [undefined, undefined],
])('a server whose Date is %s: %s', (date, what) => {
  expect(skewFinding('S', date, at)[0]?.what).toBe(what);
});

test('the Date of whatever a server answers is enough, a server that is gone says nothing', async () => {
  const server = createServer((_, response) => response.writeHead(403).end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const signal = AbortSignal.timeout(10_000);
  try {
    expect(await clockSkew(url, () => Date.now() + 60_000, signal)).toEqual([
      { level: 'warning', what: expect.stringMatching(/ is (59|60|61) s behind ours$/), remedy: expect.any(String) },
    ]);
    expect(await clockSkew(url, Date.now, signal)).toEqual([]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await clockSkew(url, () => Date.now() + 60_000, signal)).toEqual([]);
});
