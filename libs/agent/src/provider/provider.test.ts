import { describe, expect, test } from '@jest/globals';
import { Provider } from './provider.ts';
import type { ProviderOptions } from './provider.ts';
import type { Registration } from './registration.ts';
import { RegistrationBook } from './registration-book.ts';

/** Timers that go off when nothing else is to be done, in the order of their times. */
class Clock {
  time = 0;
  #timers: { readonly at: number; readonly work: () => void }[] = [];

  readonly timers = {
    now: () => this.time,
    setTimeout: (work: () => void, ms: number) => {
      const timer = { at: this.time + ms, work };
      this.#timers.push(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => void (this.#timers = this.#timers.filter((one) => one !== timer)),
  };

  /** Until there is nothing to wait for. */
  async run(): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      const [next] = this.#timers.sort((a, b) => a.at - b.at);
      if (next === undefined) return;
      this.timers.clearTimeout(next);
      this.time = next.at;
      next.work();
    }
  }
}

const done: string[] = [];
const step =
  (name: string, work: () => Promise<void> = async () => undefined) =>
  async (): Promise<void> => {
    done.push(name);
    await work();
  };

function registration(id: string, more: Partial<Registration> = {}): Registration {
  return {
    id,
    register: step(`${id} register`),
    stopBeats: step(`${id} stop-beats`),
    deregister: step(`${id} deregister`),
    propagationMs: 2_000,
    ...more,
  };
}

function provider(options: ProviderOptions): { readonly provider: Provider; readonly clock: Clock } {
  done.length = 0;
  const clock = new Clock();
  return { provider: new Provider({ timers: clock.timers, ...options }), clock };
}

const never = (): Promise<void> => new Promise(() => undefined);

describe('a process that leaves its registries', () => {
  test('stops beats everywhere, is taken out, deregisters, waits for its callers, and quits last', async () => {
    const takeOut = step('eureka take-out');
    const { provider: leaving, clock } = provider({
      registrations: [registration('nacos'), registration('eureka', { takeOut, propagationMs: 5_000 })],
      quit: step('quit'),
    });
    await leaving.register();
    expect(leaving.state).toBe('registered');
    const report = leaving.shutdown();
    expect(leaving.state).toBe('leaving');
    await clock.run();
    expect(done.slice(2)).toEqual([
      ...['nacos stop-beats', 'eureka stop-beats', 'eureka take-out', 'nacos deregister', 'eureka deregister', 'quit'],
    ]);
    const { steps, cut } = await report;
    expect(steps.map((one) => one.step)).toEqual(['stop-beats', 'take-out', 'deregister', 'propagate', 'drain', 'quit']);
    expect(steps.find((one) => one.step === 'propagate')?.ms).toBe(5_000);
    expect([cut, leaving.state]).toEqual([false, 'left']);
  });

  test('goes on when a registry refuses or hangs, and says which step failed', async () => {
    const deregister = async (): Promise<void> => Promise.reject(new Error('503'));
    const { provider: leaving, clock } = provider({
      registrations: [registration('a', { stopBeats: never }), registration('b', { deregister })],
      quit: step('quit'),
    });
    const report = leaving.shutdown();
    await clock.run();
    expect(done).toEqual(['b stop-beats', 'a deregister', 'quit']);
    expect((await report).steps.map(({ step: name, error }) => [name, error])).toEqual([
      ['stop-beats', 'it took too long'],
      ['deregister', '503'],
      ...['propagate', 'drain', 'quit'].map((name) => [name, undefined]),
    ]);
  });

  test('is over at its deadline, and keeps a share of it for the drain', async () => {
    const { provider: leaving, clock } = provider({
      registrations: [registration('eureka', { propagationMs: 60_000 })],
      quit: never,
    });
    const report = leaving.shutdown();
    await clock.run();
    const { steps, cut } = await report;
    expect(steps.find((one) => one.step === 'propagate')?.ms).toBe(15_000);
    expect([clock.time, cut]).toEqual([25_000, true]);
    expect(steps.at(-1)).toEqual({ step: 'quit', ms: 10_000, error: 'it took too long' });
  });

  test('leaves once, however often it is told to', async () => {
    const { provider: leaving, clock } = provider({ registrations: [registration('a')] });
    const reports = [leaving.shutdown(), leaving.shutdown()];
    await clock.run();
    expect(await reports[0]).toBe(await reports[1]);
    expect(done.filter((name) => name === 'a deregister')).toHaveLength(1);
  });

  test('that has only begun to register waits until it is there, and stays out', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const setShare = step('a share');
    const { provider: leaving, clock } = provider({
      registrations: [registration('a', { register: step('a register', () => answered), setShare })],
      warmUpMs: 9_000,
    });
    const registering = leaving.register();
    const report = leaving.shutdown();
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(done).not.toContain('a deregister');
    answer();
    await registering;
    await clock.run();
    expect((await report).steps.filter(({ error }) => error !== undefined)).toEqual([]);
    expect([done.slice(-2), leaving.state]).toEqual([['a stop-beats', 'a deregister'], 'left']);
    expect(done.filter((one) => one === 'a share').length).toBeLessThan(2);
  });

  test('while a step of its warm-up is under way waits for it', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    let shares = 0;
    const setShare = async (): Promise<void> => {
      shares += 1;
      if (shares === 2) await answered;
      done.push(`a share ${shares}`);
    };
    const { provider: leaving, clock } = provider({ registrations: [registration('a', { setShare })], warmUpMs: 9_000 });
    await leaving.register();
    const warming = clock.run();
    while (shares < 2) await Promise.resolve();
    const report = leaving.shutdown();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    answer();
    await warming;
    await clock.run();
    await report;
    expect(done.slice(-3)).toEqual(['a share 2', 'a stop-beats', 'a deregister']);
  });

  test('takes what wrapped clients registered along, and registers it again on the way back', async () => {
    const book = new RegistrationBook();
    const { provider: leaving, clock } = provider({ seen: () => book.list() });
    expect(leaving.state).toBe('none');
    book.add(registration('a', { deregister: async () => book.remove('a') }));
    expect(leaving.state).toBe('registered');
    void leaving.shutdown();
    await clock.run();
    expect([leaving.state, book.list()]).toEqual(['left', []]);
    await leaving.register();
    expect(done).toEqual(['a stop-beats', 'a register']);
    expect(leaving.state).toBe('registered');
  });
});

describe('a process that registers', () => {
  test('is told of a registry that refuses, and is registered in the others', async () => {
    const refusing = registration('a', { register: async () => Promise.reject(new Error('403')) });
    const { provider: coming } = provider({ registrations: [refusing, registration('b')] });
    await expect(coming.register()).rejects.toThrow('403');
    expect(done).toEqual(['b register']);
  });

  test('warms up from a tenth of its weight to the whole, where the registry has weights', async () => {
    const shares: number[] = [];
    const setShare = async (share: number): Promise<void> => void shares.push(share);
    const { provider: coming, clock } = provider({
      registrations: [registration('a', { setShare }), registration('b')],
      warmUpMs: 10_000,
    });
    await coming.register();
    expect(shares).toEqual([0.1]);
    await clock.run();
    expect(shares).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect(clock.time).toBe(10_000);
  });

  test('warms up no more once it leaves', async () => {
    const shares: number[] = [];
    const setShare = async (share: number): Promise<void> => void shares.push(share);
    const { provider: coming, clock } = provider({ registrations: [registration('a', { setShare })], warmUpMs: 10_000 });
    await coming.register();
    void coming.shutdown();
    await clock.run();
    expect(shares).toEqual([0.1]);
  });
});
