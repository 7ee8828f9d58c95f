import { afterEach, expect, test } from '@jest/globals';
import { stopRequest } from './stop-request.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

afterEach(() => {
  for (const name of signals) process.removeAllListeners(name);
});

function request() {
  let now = 500;
  const exits: number[] = [];
  const stop = stopRequest(
    () => now,
    (code) => exits.push(code),
  );
  return { stop, exits, pass: (ms: number) => (now += ms) };
}

test.each(signals)('%s asks to stop', async (name) => {
  const { stop, exits } = request();
  process.emit(name, name);
  expect(await stop.requested).toBe('stop');
  expect(stop.signal.aborted).toBe(true);
  expect(exits).toEqual([]);
});

test('one Ctrl-C that arrives twice is one wish', () => {
  const { exits, pass } = request();
  process.emit('SIGINT', 'SIGINT');
  pass(200);
  process.emit('SIGINT', 'SIGINT');
  expect(exits).toEqual([]);
});

test('who asks again after a while wants it at once', () => {
  const { exits, pass } = request();
  process.emit('SIGINT', 'SIGINT');
  pass(1_500);
  process.emit('SIGINT', 'SIGINT');
  expect(exits).toEqual([1]);
});
