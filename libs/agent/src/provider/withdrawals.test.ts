import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Registration } from './registration.ts';
import { RegistrationBook } from './registration-book.ts';
import { Withdrawals } from './withdrawals.ts';
import type { Withdrawn } from './withdrawals.ts';

const ORDERS = 'nacos/public/DEFAULT_GROUP/orders';

let book: RegistrationBook;
let withdrawn: Map<string, Withdrawn>;
let done: string[];
let timers: Map<() => void, number>;
let mayRegister: boolean;
/** What the registry answers with; nothing: it does as it is told. */
let refuses: string | undefined;

beforeEach(() => {
  book = new RegistrationBook();
  withdrawn = new Map();
  done = [];
  timers = new Map();
  mayRegister = true;
  refuses = undefined;
});

/** As a client's wrapper makes it: what the registry has taken is in the book. */
function registration(id: string, sdkName = ORDERS): Registration {
  const asked = async (what: string, after: () => void = () => undefined): Promise<void> => {
    done.push(`${id} ${what}`);
    await Promise.resolve();
    if (refuses !== undefined && what !== 'stop-beats') throw new Error(refuses);
    after();
  };
  const one: Registration = {
    ...{ id, sdkName, propagationMs: 0 },
    register: () => asked('register', () => book.add(one)),
    stopBeats: () => asked('stop-beats'),
    deregister: () => asked('deregister', () => book.remove(id)),
    quiet: (isQuiet) => void done.push(`${id} ${isQuiet ? 'quiet' : 'loud'}`),
  };
  return one;
}

function withdrawals(): Withdrawals {
  return new Withdrawals({
    ...{ book, withdrawn },
    mayRegister: () => mayRegister,
    setTimer: (ms, run) => {
      timers.set(run, ms);
      return () => void timers.delete(run);
    },
    random: () => 0.5,
    changed: () => undefined,
    done: ({ id }, way) => void done.push(`${id} ${way}`),
  });
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

/** The timers that wait go off. */
async function fire(): Promise<void> {
  const due = [...timers.keys()];
  timers.clear();
  for (const run of due) run();
  await settled();
}

const OUT = ['a quiet', 'a stop-beats', 'a deregister', 'a out'];
const IN = ['a loud', 'a register', 'a in'];

describe('what a plan has retired', () => {
  test('is taken out of its registry with its beats, and registered again when the plan leads back', async () => {
    book.add(registration('a'));
    book.add(registration('b', 'consul///orders'));
    const kept = withdrawals();
    await settled();
    expect(done).toEqual([]);
    kept.follow([ORDERS]);
    await settled();
    expect([done, kept.states()]).toEqual([
      OUT,
      [
        { sdkName: ORDERS, state: 'withdrawn' },
        { sdkName: 'consul///orders', state: 'registered' },
      ],
    ]);
    kept.follow([]);
    await settled();
    expect(done).toEqual([...OUT, ...IN]);
    expect(kept.states().map(({ state }) => state)).toEqual(['registered', 'registered']);
  });

  test('stays out when it registers itself again, and an instance that comes later is taken out too', async () => {
    const one = registration('a');
    const kept = withdrawals();
    kept.follow([ORDERS]);
    await one.register();
    await settled();
    await one.register();
    await settled();
    expect(done).toEqual(['a register', ...OUT, 'a register', ...OUT]);
    expect(kept.states()).toEqual([{ sdkName: ORDERS, state: 'withdrawn' }]);
  });

  test('is tried again until its registry does it, each time later, and says why', async () => {
    book.add(registration('a'));
    refuses = 'nacos answered 500';
    const kept = withdrawals();
    kept.follow([ORDERS]);
    await settled();
    expect(kept.states()).toEqual([{ sdkName: ORDERS, state: 'registered', why: 'nacos answered 500' }]);
    expect([...timers.values()]).toEqual([1_000]);
    await fire();
    expect([...timers.values()]).toEqual([2_000]);
    refuses = undefined;
    await fire();
    expect(kept.states()).toEqual([{ sdkName: ORDERS, state: 'withdrawn' }]);
    expect(timers.size).toBe(0);
  });

  test('that could not be taken out wholly is registered again all the same when the plan leads back', async () => {
    book.add(registration('a'));
    refuses = 'nacos answered 500';
    const kept = withdrawals();
    kept.follow([ORDERS]);
    await settled();
    refuses = undefined;
    kept.follow([]);
    await settled();
    expect([done.slice(-3), kept.states()]).toEqual([IN, [{ sdkName: ORDERS, state: 'registered' }]]);
    expect(timers.size).toBe(0);
  });

  test('does not come back in a process that leaves, nor where its owner took it out', async () => {
    const [a, b] = [registration('a'), registration('b')];
    book.add(a);
    book.add(b);
    const kept = withdrawals();
    kept.follow([ORDERS]);
    await settled();
    await b.deregister();
    await settled();
    mayRegister = false;
    kept.follow([]);
    await settled();
    expect(done.filter((one) => one.endsWith(' register'))).toEqual([]);
    mayRegister = true;
    kept.follow([]);
    await settled();
    expect(done.slice(-3)).toEqual(IN);
  });

  test('is deregistered again while its registry lists it all the same, each time later, and no more when it does not', async () => {
    book.add(registration('a'));
    const kept = withdrawals();
    kept.follow([ORDERS]);
    await settled();
    kept.follow([ORDERS], [ORDERS]);
    kept.follow([ORDERS], [ORDERS]);
    expect([...timers.values()]).toEqual([1_500]);
    refuses = 'eureka answered 404';
    await fire();
    expect([done, [...timers.values()]]).toEqual([[...OUT, 'a deregister'], [3_000]]);
    for (let time = 0; time < 10; time += 1) await fire();
    expect([...timers.values()]).toEqual([45_000]);
    expect(kept.states()).toEqual([{ sdkName: ORDERS, state: 'withdrawn' }]);
    kept.follow([ORDERS], []);
    expect(timers.size).toBe(0);
    refuses = undefined;
    kept.follow([ORDERS], [ORDERS]);
    expect([...timers.values()]).toEqual([1_500]);
    kept.follow([]);
    await settled();
    expect([timers.size, done.slice(-3)]).toEqual([0, IN]);
  });

  test('is not deregistered again on the way back, nor after its owner took it out', async () => {
    const one = registration('a');
    book.add(one);
    const kept = withdrawals();
    kept.follow([ORDERS], [ORDERS]);
    await settled();
    expect([...timers.values()]).toEqual([1_500]);
    await one.deregister();
    await settled();
    expect(timers.size).toBe(0);
  });

  test('is known to the agent that takes the place of this one, in the same process', async () => {
    book.add(registration('a'));
    const first = withdrawals();
    first.follow([ORDERS]);
    await settled();
    first.close();
    const second = withdrawals();
    expect(second.states()).toEqual([{ sdkName: ORDERS, state: 'withdrawn' }]);
    second.follow([]);
    await settled();
    expect(done).toEqual([...OUT, ...IN]);
  });
});
