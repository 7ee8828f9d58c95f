import { describe, expect, test } from '@jest/globals';
import { headersFor } from '../undici/dispatched-headers.ts';
import { headFor } from './request-head.ts';

const mark = ['x-isthmus-keeps', 'timeout,retry'] as const;

describe('a mark that the application copied from a call that it got', () => {
  test.each([
    ['before its Host', 'GET / HTTP/1.1\r\nX-Isthmus-Keeps: none\r\nHost: 10.0.0.7:80\r\na: b\r\n\r\n'],
    ['behind it, twice', 'GET / HTTP/1.1\r\nHost: 10.0.0.7:80\r\nx-isthmus-keeps: none\r\na: b\r\nX-ISTHMUS-KEEPS: x\r\n\r\n'],
    ['nowhere', 'GET / HTTP/1.1\r\nHost: 10.0.0.7:80\r\na: b\r\n\r\n'],
  ])('%s, gives way to the agent’s', (_, head) => {
    const text = headFor(Buffer.from(head), 'orders:80', [mark]).toString();
    expect(text).toBe('GET / HTTP/1.1\r\nHost: orders:80\r\nx-isthmus-keeps: timeout,retry\r\na: b\r\n\r\n');
  });

  test('in a dispatch gives way too', () => {
    const headers = { 'X-Isthmus-Keeps': 'none', host: '10.0.0.7:80', a: 'b' };
    expect(headersFor(headers, 'orders:80', [mark])).toEqual(['host', 'orders:80', 'a', 'b', ...mark]);
  });
});
