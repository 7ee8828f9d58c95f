import { expect, test } from '@jest/globals';
import type { SharedLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { systemTimers } from '@isthmus/xds';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';
import { SharedRegistrations } from './shared-registrations.ts';

const row: Row = {
  claim: {
    ...{ node: 'n', namespace: 'shop', group: 'vm', address: '10.0.0.7', network: '', labels: {}, locality: '' },
    probed: false,
  },
  well: true,
};

/** One replica that follows; what answers for its leader is given. */
class Follower {
  asked = 0;
  passed = 0;
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
      ...{ timers: systemTimers, now: () => performance.now() + this.passed, graceMs: () => 100, returnMs: 400, most: 10 },
      token: () => Promise.resolve('secret'),
      fetch: () => {
        this.asked += 1;
        return Promise.resolve(this.answer());
      },
    });
    this.shared.start(() => undefined);
    this.shared.offer(keyOf(row.claim), row);
  }
}

test.each<[string, () => Response]>([
  ['JSON without "known"', () => Response.json({ ok: true })],
  ['no object', () => Response.json(null)],
  ['a page', () => new Response('<html>sign in</html>')],
  ['that all is to be said anew, which it was', () => Response.json({ known: false })],
  ['an endless answer', () => new Response(new ReadableStream({ pull: (to) => to.enqueue(Buffer.alloc(1024, 0x20)) }))],
])('what answers for the leader with %s is left alone for longer and longer, and told of', async (_, answer) => {
  const follower = new Follower(answer);
  const { shared } = follower;
  try {
    await until('it has asked', () => follower.asked === 1);
    // Each says something new, which is no reason to ask again.
    const asked: number[] = [];
    for (const ms of [2_100, 4_100]) {
      for (let at = 0; at < 3; at += 1) {
        const one = { ...row, claim: { ...row.claim, address: `10.0.${ms % 100}.${at}` } };
        shared.offer(keyOf(one.claim), one);
      }
      asked.push(follower.asked);
      follower.passed += ms;
      await until('it asks again', () => follower.asked > (asked.at(-1) ?? 0));
    }
    expect(asked).toEqual([1, 2]);
    await until('it is told', () => shared.diagnostics().length > 0);
    const [problem, ...others] = shared.diagnostics();
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'workload.not-shared', where: 'istio' });
    expect(problem?.what).toContain('https://a.test answered 200, and not as a bridge does');
    follower.answer = () => Response.json({ known: true });
    const before = follower.asked;
    follower.term = 2;
    await until('another leader is asked at once', () => follower.asked > before);
  } finally {
    shared.close();
  }
});
