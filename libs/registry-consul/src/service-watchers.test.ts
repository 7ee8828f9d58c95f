import { expect, test } from '@jest/globals';
import type { Answer } from './answer.ts';
import type { ConsulClient, Query } from './client.ts';
import type { ScopeState } from './scope-state.ts';
import type { ServiceReader } from './service-reader.ts';
import { ServiceWatchers } from './service-watchers.ts';
import { Turns } from './turns.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Watchers of a Consul that answers when it is told to; taking an answer costs 1 ms, a question 0.5, by a clock that nothing else moves. */
function scripted() {
  let time = 0;
  let waiting: (() => void)[] = [];
  let open = new Map<string, (answer: Answer) => void>();
  const asked: string[] = [];
  const taken: string[] = [];
  const published: number[] = [];
  let flushes = false;
  const nextTurn = (run: () => void) => waiting.push(run);
  const client = {
    health: (name: string, { cancel }: Query) => {
      time += 0.5;
      asked.push(name);
      return new Promise<Answer>((resolve, reject) => {
        open.set(name, resolve);
        cancel?.on('cancel', () => reject(new Error('cancelled')));
      });
    },
  };
  const reader = {
    index: () => 5,
    setIndex: () => undefined,
    take: async (name: string) => {
      time += 1;
      taken.push(name);
      if (!flushes) nextTurn(flush); // as the pipeline does
      flushes = true;
      return true;
    },
  };
  const flush = () => {
    flushes = false;
    published.push(taken.length);
  };
  const ended = new AbortController();
  const failures: unknown[] = [];
  const watchers = new ServiceWatchers({
    client: client as unknown as ConsulClient,
    reader: reader as unknown as ServiceReader,
    state: { problem: () => undefined, settle: () => undefined } as unknown as ScopeState,
    scope: { source: 'hq' as never, namespace: 'dc1', group: '' },
    turns: new Turns(() => time, nextTurn),
    random: () => 0,
    wait: () => 600_000,
    slots: 1_000,
    read: async () => false,
    signal: ended.signal,
    background: (task) => void task().catch((thrown: unknown) => failures.push(thrown)),
  });
  const turn = async () => {
    const runs = waiting;
    waiting = [];
    for (const run of runs) run();
    await settled();
  };
  return {
    ...{ watchers, asked, taken, published, failures, turn },
    idle: async () => {
      while (waiting.length > 0) await turn();
    },
    /** All that are asked for are answered in one turn. */
    answerAll: async () => {
      const answers = open;
      open = new Map();
      for (const answer of answers.values()) answer({ index: 6 } as Answer);
      await settled();
    },
    end: async () => {
      ended.abort();
      for (const answer of open.values()) answer({ index: 6 } as Answer);
      await settled();
    },
  };
}

test('a hundred services that change at once: publishing has its turn after every few answers, not after all and the questions that follow', async () => {
  const { watchers, asked, taken, published, failures, answerAll, turn, idle, end } = scripted();
  const names = Array.from({ length: 100 }, (_, n) => `s-${n}`);
  for (const name of names) watchers.add(name);
  await settled();
  await idle();
  expect(asked).toEqual(names);
  asked.length = 0;

  await answerAll();
  expect(taken).toHaveLength(5);
  expect(asked).toEqual([]);
  await turn();
  expect(published[0]).toBeLessThanOrEqual(10);
  while (taken.length < names.length) {
    const before = taken.length;
    await turn();
    expect(taken.length - before).toBeLessThanOrEqual(5);
    expect(published.length).toBeGreaterThanOrEqual(Math.floor(taken.length / 10));
  }
  expect(taken).toEqual(names);
  await idle();
  expect(asked.toSorted()).toEqual(names.toSorted());
  await end();
  expect(failures).toEqual([]);
});

test('a service that goes before its turn came is not asked about', async () => {
  const { watchers, asked, failures, idle, end } = scripted();
  watchers.add('stays');
  watchers.add('goes');
  watchers.delete('goes');
  await settled();
  await idle();
  expect(asked).toEqual(['stays']);
  await end();
  expect(failures).toEqual([]);
});

test('a service that goes while its answer waits for a turn does not come back by it', async () => {
  const { watchers, asked, taken, failures, answerAll, idle, end } = scripted();
  const names = Array.from({ length: 10 }, (_, n) => `s-${n}`);
  for (const name of names) watchers.add(name);
  await settled();
  await idle();
  asked.length = 0;
  await answerAll();
  expect(taken).not.toContain('s-9');
  watchers.delete('s-9');
  await settled();
  await idle();
  expect([taken, asked.toSorted()]).toEqual([names.slice(0, 9), names.slice(0, 9)]);
  await end();
  expect(failures).toEqual([]);
});
