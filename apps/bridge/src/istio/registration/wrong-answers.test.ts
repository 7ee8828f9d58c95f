import { expect, test } from '@jest/globals';
import type { SharedLedger } from '@isthmus/ledger';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';
import { SharedRegistrations } from './shared-registrations.ts';
import { PassingClock } from './testing/passing-clock.ts';

const row: Row = {
  claim: {
    ...{ node: 'n', namespace: 'shop', group: 'vm', address: '10.0.0.7', network: '', labels: {}, locality: '' },
    probed: false,
  },
  well: true,
};

/** One replica that follows; what answers for its leader is given. */
class Follower {
  readonly clock = new PassingClock();
  /** When, ms. */
  readonly asked: number[] = [];
  term = 1;
  answer: () => Response;
  readonly shared: SharedRegistrations;

  constructor(answer: () => Response) {
    this.answer = answer;
    const term = () => this.term;
    this.shared = new SharedRegistrations({
      ledger: {
        ...{ get: () => undefined, onCommitted: () => () => undefined },
        writer: { isWriter: () => false, onChange: () => () => undefined },
        get status() {
          return { id: 'b', epoch: term(), leader: { id: 'a', control: 'https://a.test' } };
        },
      } as unknown as SharedLedger,
      ...{ timers: this.clock, now: this.clock.now, graceMs: () => 100, returnMs: 400, most: 1_000 },
      token: () => Promise.resolve('secret'),
      fetch: () => {
        this.asked.push(this.clock.now());
        if (this.asked.length > 20) throw new Error('it is asked too often');
        return Promise.resolve(this.answer());
      },
    });
    this.shared.start(() => undefined);
  }

  /** It has always something new to say, which is no reason to ask earlier. */
  async pass(ms: number): Promise<void> {
    for (const end = this.clock.now() + ms; this.clock.now() < end;) {
      const claim = { ...row.claim, address: `10.0.0.${this.clock.now()}` };
      this.shared.offer(keyOf(claim), { ...row, claim });
      this.clock.pass(20);
      // What is asked is answered: nothing of that waits for anything but turns of this process.
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    }
  }
}

/** Ends in another error than what is expected, where it is read to the end. */
function endless(): ReadableStream<Uint8Array> {
  let kilobytes = 0;
  return new ReadableStream({
    pull: (to) => ((kilobytes += 1) < 1_000 ? to.enqueue(Buffer.alloc(1024, 0x20)) : to.error(new Error('it is read on'))),
  });
}

test.each<[string, () => Response]>([
  ['JSON without "known"', () => Response.json({ ok: true })],
  ['no object', () => Response.json(null)],
  ['a page', () => new Response('<html>sign in</html>')],
  ['that all is to be said anew, which it was', () => Response.json({ known: false })],
  ['an endless answer', () => new Response(endless())],
])('what answers for the leader with %s is left alone for longer and longer, and told of', async (_, answer) => {
  const follower = new Follower(answer);
  const { shared, asked } = follower;
  try {
    await follower.pass(100_000);
    // It is looked once a second whether it is time.
    const pauses = asked.slice(1).map((at, n) => Math.floor((at - (asked[n] ?? 0)) / 2_000) * 2);
    expect(pauses).toEqual([2, 4, 8, 16, 30, 30]);
    const [problem, ...others] = shared.diagnostics();
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'workload.not-shared', where: 'istio' });
    expect(problem?.what).toContain('https://a.test answered 200, and not as a bridge does');
    follower.answer = () => Response.json({ known: true });
    const before = asked.length;
    follower.term = 2; // another leads, and is asked at once
    await follower.pass(40);
    expect(asked.length).toBeGreaterThan(before);
  } finally {
    shared.close();
  }
});
