import { expect, test } from '@jest/globals';
import { Turns } from './turns.ts';

/** A clock that only work moves; `turn` runs what waits for the end of this turn of the event loop. */
function scripted() {
  let time = 0;
  let waiting: (() => void)[] = [];
  const turns = new Turns(
    () => time,
    (run) => waiting.push(run),
  );
  const done: string[] = [];
  const work = (name: string, ms: number) => () => {
    time += ms;
    done.push(name);
  };
  const turn = () => {
    const runs = waiting;
    waiting = [];
    for (const run of runs) run();
    return done.splice(0).join(' ');
  };
  const said = () => done.splice(0).join(' ');
  return { turns, work, turn, said, idle: () => waiting.length === 0 };
}

test('a lone answer is taken at once, and the question that follows it a turn after the one that tells of it', () => {
  const { turns, work, turn, said, idle } = scripted();
  void turns.answer(work('answer', 1));
  void turns.question(work('question', 1));
  expect(said()).toBe('answer');
  expect(turn()).toBe('');
  expect(turn()).toBe('question');
  turn();
  expect(idle()).toBe(true);
});

test('of answers that come together 5 ms are taken in a turn, in their order, the next ones behind them', () => {
  const { turns, work, turn, said } = scripted();
  for (let n = 0; n < 7; n += 1) void turns.answer(work(`${n}`, 2));
  expect(said()).toBe('0 1 2');
  void turns.answer(work('7', 2));
  expect(turn()).toBe('3 4 5');
  void turns.answer(work('8', 2));
  expect(said()).toBe('');
  expect(turn()).toBe('6 7 8');
  void turns.answer(work('9', 2));
  expect(said()).toBe(''); // in the rest of a turn that had its 5 ms
  expect(turn()).toBe('9');
});

test('one that takes longer than a turn has it alone', () => {
  const { turns, work, turn, said } = scripted();
  for (let n = 0; n < 3; n += 1) void turns.answer(work(`${n}`, 50));
  expect(said()).toBe('0');
  expect(turn()).toBe('1');
  expect(turn()).toBe('2');
});

test('questions take what answers leave, and are not kept waiting by them for ever', () => {
  const { turns, work, turn } = scripted();
  for (let n = 0; n < 3; n += 1) void turns.question(work(`q${n}`, 0.5));
  for (let n = 0; n < 9; n += 1) void turns.answer(work(`${n}`, 3));
  expect(turn()).toBe('0 1 2 3');
  expect(turn()).toBe('4 5 q0 q1');
  expect(turn()).toBe('6 7 q2');
  expect(turn()).toBe('8');
});

test('what fails fails for its caller alone', async () => {
  const { turns, work, turn, said } = scripted();
  const failed = turns.answer(() => {
    throw new Error('no list');
  });
  const refused = turns.question(async () => Promise.reject(new Error('refused')));
  const answered = turns.answer(() => 'taken');
  void turns.answer(work('next', 1));
  expect(said()).toBe('next');
  turn();
  turn();
  await expect(failed).rejects.toThrow('no list');
  await expect(refused).rejects.toThrow('refused');
  await expect(answered).resolves.toBe('taken');
});
