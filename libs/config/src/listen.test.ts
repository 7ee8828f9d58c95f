import { describe, expect, test } from '@jest/globals';
import { formatListen, isLoopback, parseListen } from './listen.ts';

describe('listen addresses', () => {
  test.each(['127.0.0.1:15010', '[::1]:15010', '0.0.0.0:0', 'localhost:80', '[2001:db8::1]:65535'])(
    '%s survives a round trip',
    (text) => {
      const address = parseListen(text);
      expect(address === undefined ? undefined : formatListen(address)).toBe(text);
    },
  );

  test.each([
    '15010',
    ':15010',
    '127.0.0.1',
    '::1:15010',
    'bridge.local:1',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '[127.0.0.1]:1',
    '127.1:1',
    '',
  ])('"%s" is none', (text) => {
    expect(parseListen(text)).toBeUndefined();
  });

  test('only addresses that other machines cannot reach are loopback', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '2001:db8::1', 'example.org'].some(isLoopback)).toBe(false);
  });
});
