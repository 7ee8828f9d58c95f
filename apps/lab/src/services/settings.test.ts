import { expect, test } from '@jest/globals';
import { readSettings, UsageError } from './settings.ts';

test('arguments say what an instance is, the environment where the others are', () => {
  const settings = readSettings(['orders', '--port', '18101', '--version', 'v2', '--weight', '0.5'], {
    NACOS_SERVER: '127.0.0.1:9000',
    CONSUL_ADDRESS: '127.0.0.1:9001',
  });
  expect(settings).toMatchObject({
    name: 'orders',
    port: 18_101,
    version: 'v2',
    weight: 0.5,
    nacos: '127.0.0.1:9000',
  });
  expect(settings.consul).toEqual({ host: '127.0.0.1', port: 9001 });
  expect(settings.eureka).toEqual({ host: '127.0.0.1', port: 8761 });
});

test.each([
  [['shop', '--port', '1'], 'which service?'],
  [['web'], '--port: a port from 1 to 65535'],
  [['web', '--port', '70000'], '--port: a port from 1 to 65535, not 70000'],
  [['web', '--port', '1', '--weight', 'heavy'], '--weight: a number from 0 up, not heavy'],
  [['web', '--port', '1', '--colour', 'red'], "Unknown option '--colour'"],
])('%j is refused with the reason', (args, reason) => {
  expect(() => readSettings(args, {})).toThrow(UsageError);
  expect(() => readSettings(args, {})).toThrow(reason);
});
