import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDubboUrl } from './dubbo-url.ts';

const parse = (text: string) => parseDubboUrl(encodeURIComponent(text));

describe('a URL of Dubbo', () => {
  test('has protocol, address, path and parameters', () => {
    expect(parse('dubbo://10.8.8.8:20881/prov.Greeter?group=g1&methods=add,hi&version=1.0.0')).toEqual({
      url: {
        protocol: 'dubbo',
        host: '10.8.8.8',
        port: '20881',
        path: 'prov.Greeter',
        parameters: { group: 'g1', methods: 'add,hi', version: '1.0.0' },
      },
    });
  });

  test.each([
    ['tri://[2001:db8::1]:50051/a.B', '2001:db8::1', '50051'],
    ['tri://2001:db8::1:50051/a.B', '2001:db8::1', '50051'],
    ['dubbo://user:secret@10.0.0.1:20880/a.B', '10.0.0.1', '20880'],
    ['override://0.0.0.0/a.B?weight=5', '0.0.0.0', undefined],
    ['rest://api.test:8080', 'api.test', '8080'],
  ])('%s is at %p, port %p', (text, host, port) => {
    const parsed = parse(text);
    expect('url' in parsed && [parsed.url.host, parsed.url.port]).toEqual([host, port]);
  });

  test.each([
    ['not a url', 'no "protocol://" at its start'],
    ['', 'no "protocol://" at its start'],
    ['://10.0.0.1:1/a', 'no "protocol://" at its start'],
    ['dubbo:///a.B', 'no address after "protocol://"'],
  ])('%p is none: %s', (text, problem) => {
    expect(parse(text)).toEqual({ problem });
  });

  test('with a stray % is none, and says so', () => {
    expect(parseDubboUrl('dubbo%3A%2F%2F10.0.0.1%ZZ')).toEqual({ problem: 'a % that starts no UTF-8 character' });
    expect(parseDubboUrl('dubbo%3A%2F%2F%ff')).toEqual({ problem: 'a % that starts no UTF-8 character' });
  });

  test('of a megabyte is refused before it is decoded', () => {
    expect(parseDubboUrl('x'.repeat(1_048_576))).toEqual({ problem: '1048576 characters, the most is 65536' });
  });

  test('whatever the text, nothing is thrown, and the order of parameters does not show', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60, unit: 'grapheme' }), (text) => {
        const parsed = parseDubboUrl(text);
        expect('url' in parsed || parsed.problem.length > 0).toBe(true);
      }),
    );
    expect(parse('dubbo://h:1/a?b=1&a=2')).toEqual(parse('dubbo://h:1/a?a=2&b=1'));
    const parsed = parse('dubbo://h:1/a?flag&x=a=b&=lost&');
    expect('url' in parsed && parsed.url.parameters).toEqual({ flag: 'flag', x: 'a=b' });
  });
});
