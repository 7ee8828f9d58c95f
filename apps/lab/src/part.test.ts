import { expect, test } from '@jest/globals';
import { describeState, Part, type Supervised } from './part.ts';

function running() {
  const calls: string[] = [];
  const supervised = {
    pid: 42 as number | undefined,
    calls,
    restart: async () => {
      calls.push('restart');
      supervised.pid = 43;
    },
    stop: async () => void calls.push('stop'),
  };
  return supervised;
}

function part(supervised: Supervised) {
  let now = 1_000;
  const made = new Part(
    { name: 'orders-1', group: 'services', start: async () => supervised, restartAfterMs: 20_000, now: () => now },
    'nacos',
  );
  return { part: made, pass: (ms: number) => (now += ms), state: () => describeState(made.state, now) };
}

const forever = new AbortController().signal;

test('before its turn it says what it waits for', () => {
  expect(part(running()).state()).toBe('waits for nacos');
});

test('one that dies stays down for a while, so that one sees what that does, and then comes back', async () => {
  const process = running();
  const { part: orders, pass, state } = part(process);
  await orders.up(forever);
  expect([state(), orders.pid]).toEqual(['up', 42]);
  process.pid = undefined;
  orders.watch();
  expect(state()).toBe('down, again in 20 s');
  pass(19_999);
  orders.watch();
  expect(process.calls).toEqual([]);
  pass(1);
  orders.watch();
  await orders.stop();
  expect(process.calls).toEqual(['restart', 'stop']);
});

test('when nothing is to be started again it stays down', async () => {
  const process = running();
  const never = new Part({ name: 'orders-1', group: 'services', start: async () => process, restartAfterMs: undefined });
  await never.up(forever);
  process.pid = undefined;
  never.watch();
  never.watch();
  expect(describeState(never.state, 0)).toBe('down');
  expect(process.calls).toEqual([]);
});

test('a start that fails is said with the first line of its reason', async () => {
  const failing = new Part({
    name: 'nacos',
    group: 'servers',
    start: () => Promise.reject(new Error('java is missing\nmore')),
    restartAfterMs: undefined,
  });
  await expect(failing.up(forever)).rejects.toThrow('java is missing');
  expect(describeState(failing.state, 0)).toBe('failed: java is missing');
});

test('one whose lab was stopped while it started is stopped too', async () => {
  const process = running();
  const { part: orders, state } = part(process);
  await orders.up(AbortSignal.abort());
  expect(process.calls).toEqual(['stop']);
  expect(state()).toBe('stopped');
});

test('a build is shown with the time that it has taken', () => {
  const progress = { server: 'consul', version: '1.22.7', phase: 'building', elapsedMs: 132_000 } as const;
  expect(describeState({ kind: 'preparing', progress }, 0)).toBe('building, 132 s');
});
