import type { Writer } from '../registry-sink.ts';
import { testPublication } from './publication.ts';
import { testLedger } from './test-ledger.ts';
import { placesOf, poll, startBridge, watchFor } from './sink-bridge.ts';
import type { Bridge, BridgeOptions } from './sink-bridge.ts';
import type { SinkHarness } from './sink-harness.ts';
import { sinkRefusalCases } from './sink-refusals.ts';

export interface SinkContractOptions {
  /** Most milliseconds that any one condition may take. Default 10,000. */
  readonly deadlineMs?: number;
  /** Default 500. */
  readonly manyServices?: number;
}

/** What users have by default: short TTLs for many services are a load test of the registry. */
const MANY_TTL_MS = 30_000;

/**
 * What every sink promises, on a registry in memory (unit) and on the real server (real) alike. One harness serves all
 * cases in the order given; each case uses services of its own.
 */
export function describeSinkContract(
  name: string,
  makeHarness: () => Promise<SinkHarness>,
  options: SinkContractOptions = {},
): void {
  const { describe, test, expect, beforeAll, afterAll, afterEach } = globalThis as unknown as typeof import('@jest/globals');
  const deadline = options.deadlineMs ?? 10_000;
  const many = options.manyServices ?? 500;

  describe(`${name} keeps the sink contract`, () => {
    let harness: SinkHarness;
    const running: Bridge[] = [];

    const start = (more: BridgeOptions = {}): Bridge => {
      const bridge = startBridge(harness, more);
      running.push(bridge);
      return bridge;
    };
    const publication = (service: string, ...instances: readonly string[]) => testPublication(service, instances, harness.ttlMs);
    const sees = (service: string, ...places: readonly string[]) =>
      poll(
        `${service} is ${places.join(', ') || 'gone'}`,
        async () => placesOf(await harness.seen(service)) === places.join(),
        deadline,
      );
    const status = (bridge: Bridge, state: string) =>
      poll(`the sink is ${state}`, async () => bridge.sink.status.state === state, deadline);

    beforeAll(async () => void (harness = await makeHarness()), 180_000);
    afterEach(async () => void (await Promise.all(running.splice(0).map((bridge) => bridge.kill()))), 30_000);
    afterAll(() => harness?.close(), 60_000);

    const caseTimeout = deadline * 8;

    test(
      'what is wanted is there, with address, port, metadata and marks',
      async () => {
        const bridge = start();
        bridge.want(publication('published', '10.2.0.1:8101', '10.2.0.2:8102'));
        await sees('published', '10.2.0.1:8101', '10.2.0.2:8102');
        const one = (await harness.seen('published')).find((instance) => instance.port === 8101);
        expect(one?.metadata).toMatchObject({
          version: 'v1',
          zone: 'az-1',
          'isthmus-mesh': 'shop',
          'isthmus-origin': 'k8s/shop//published',
          'isthmus-path': 'shop',
          'isthmus-owner': 'one',
        });
        await poll('the state', async () => bridge.sink.publication('//published')?.state === 'published', deadline);
      },
      caseTimeout,
    );

    test(
      'changed instances, weights and metadata are changed there, and what is no more wanted goes',
      async () => {
        const bridge = start();
        bridge.want(publication('changing', '10.2.1.1:8111', '10.2.1.2:8112'));
        await sees('changing', '10.2.1.1:8111', '10.2.1.2:8112');
        bridge.want(publication('changing', '10.2.1.1:8111 3 v2', '10.2.1.3:8113'));
        await sees('changing', '10.2.1.1:8111', '10.2.1.3:8113');
        const first = async () => (await harness.seen('changing')).find((instance) => instance.port === 8111);
        await poll(
          'weight and version',
          async () => (await first())?.metadata['version'] === 'v2' && (await first())?.weight === 3,
          deadline,
        );
        bridge.withdraw('changing');
        await sees('changing');
        await poll('nothing is left', async () => bridge.sink.publication('//changing') === undefined, deadline);
      },
      caseTimeout,
    );

    test(
      'renewals keep it well beyond its TTL, without a moment in which callers lose it',
      async () => {
        const bridge = start();
        bridge.want(publication('renewed', '10.2.2.1:8121'));
        await sees('renewed', '10.2.2.1:8121');
        const gaps = await watchFor(harness, 'renewed', harness.ttlMs * 2.5);
        expect(gaps).toEqual([]);
        expect(bridge.sink.counters.renewed).toBeGreaterThan(2);
      },
      caseTimeout,
    );

    test(
      'an entry of somebody else with the same name and address is never touched',
      async () => {
        await harness.register('foreign', '10.2.3.1', 8131);
        const before = await harness.seen('foreign');
        const bridge = start();
        bridge.want(publication('foreign', '10.2.3.1:8131', '10.2.3.2:8132'));
        await sees('foreign', '10.2.3.1:8131', '10.2.3.2:8132');
        await poll('it is told', async () => bridge.sink.publication('//foreign')?.taken.join() === '10.2.3.1:8131', deadline);
        expect((await harness.seen('foreign')).find((instance) => instance.port === 8131)).toEqual(before[0]);
        bridge.withdraw('foreign');
        await sees('foreign', '10.2.3.1:8131');
        await poll('the bridge is done', async () => bridge.sink.publication('//foreign') === undefined, deadline);
        expect(await harness.seen('foreign')).toEqual(before);
      },
      caseTimeout,
    );

    test(
      'consul-k8s#319 #404: a bridge that starts again withdraws nothing, also before it knows what it wants',
      async () => {
        const ledger = testLedger();
        const first = start({ ledger });
        first.want(publication('kept', '10.2.4.1:8141'), publication('dropped', '10.2.4.2:8142'));
        await sees('kept', '10.2.4.1:8141');
        await sees('dropped', '10.2.4.2:8142');
        const watching = watchFor(harness, 'kept', harness.ttlMs * 2);
        const watchingToo = watchFor(harness, 'dropped', harness.ttlMs * 2);
        await first.kill();
        const second = start({ ledger, gate: 'closed' });
        expect(await watching).toEqual([]); // for two TTLs nothing is wanted, and both are renewed
        expect(await watchingToo).toEqual([]);
        expect(second.sink.counters.withdrawn).toBe(0);
        second.want(publication('kept', '10.2.4.1:8141'));
        second.openGate();
        await sees('dropped'); // callers do not see it from its first step on, in Eureka DOWN
        await poll('the bridge is done', async () => second.sink.publication('//dropped') === undefined, deadline);
        await sees('kept', '10.2.4.1:8141');
        expect(second.sink.counters.withdrawn).toBe(1);
      },
      caseTimeout + ttls(4),
    );

    test(
      'consul-k8s#404: a bridge that is gone for good leaves nothing behind for callers once the TTL has passed',
      async () => {
        const bridge = start();
        bridge.want(publication('orphaned', '10.2.5.1:8151'));
        await sees('orphaned', '10.2.5.1:8151');
        await harness.register('bystander', '10.2.5.9', 8159);
        await bridge.kill();
        await poll('gone', async () => (await harness.seen('orphaned')).length === 0, harness.goneWithinMs);
        expect(placesOf(await harness.seen('bystander'))).toBe('10.2.5.9:8159');
      },
      caseTimeout + ttls(20),
    );

    test(
      'a dry run tells every write with its content and why, and writes nothing',
      async () => {
        await harness.register('planned', '10.2.6.1', 8161);
        const bridge = start({ writer: { isWriter: () => false } });
        bridge.want(publication('planned', '10.2.6.1:8161', '10.2.6.2:8162'));
        const changes = await bridge.sink.diff(new AbortController().signal);
        expect(changes.map(({ action, port }) => `${action} ${port}`)).toEqual(['leave 8161', 'register 8162']);
        expect(changes[1]?.metadata).toMatchObject({ version: 'v1', 'isthmus-mesh': 'shop' });
        expect(placesOf(await harness.seen('planned'))).toBe('10.2.6.1:8161');
      },
      caseTimeout,
    );

    test(
      'consul-k8s#1815 #58: only the writer writes; when another becomes it, it takes over without a gap',
      async () => {
        const ledger = testLedger();
        let writer = 'first';
        const listeners = new Set<() => void>();
        const lease = (self: string): Writer => ({
          isWriter: () => writer === self,
          owner: 'elected',
          onChange: (listener) => {
            listeners.add(listener);
            return () => void listeners.delete(listener);
          },
        });
        const [first, second] = [start({ ledger, writer: lease('first') }), start({ ledger, writer: lease('second') })];
        for (const bridge of [first, second]) bridge.want(publication('elected', '10.2.7.1:8171'));
        await sees('elected', '10.2.7.1:8171');
        await status(second, 'standby');
        expect(second.sink.counters.registered).toBe(0);
        writer = 'second';
        for (const listener of listeners) listener();
        const gaps = await watchFor(harness, 'elected', harness.ttlMs * 2);
        expect(gaps).toEqual([]);
        expect(first.sink.status.state).toBe('standby');
        expect(second.sink.counters).toMatchObject({ registered: 0, withdrawn: 0, failed: 0 });
        expect(second.sink.counters.renewed).toBeGreaterThan(0);
      },
      caseTimeout + ttls(4),
    );

    test(
      'consul-k8s#579: two bridges of one mesh that want different things do not fight',
      async () => {
        const [a, b] = [start({ writer: { owner: 'a' } }), start({ writer: { owner: 'b' } })];
        a.want(publication('disputed', '10.2.8.1:8181 1 v1'), publication('only-a', '10.2.8.2:8182'));
        await sees('disputed', '10.2.8.1:8181');
        await sees('only-a', '10.2.8.2:8182');
        b.want(publication('disputed', '10.2.8.1:8181 1 v2'));
        await poll('b has written', async () => (await harness.seen('disputed'))[0]?.metadata['version'] === 'v2', deadline);
        const gaps = await watchFor(harness, 'only-a', harness.ttlMs * 2);
        expect(gaps).toEqual([]);
        expect(a.sink.counters).toMatchObject({ registered: 2, withdrawn: 0 });
        expect(b.sink.counters).toMatchObject({ registered: 1, withdrawn: 0 });
      },
      caseTimeout + ttls(4),
    );

    sinkRefusalCases({ harness: () => harness, start, publication, sees, status, deadline, caseTimeout });

    test(
      `${many} services are published, kept and withdrawn, one change then is the work of one`,
      async () => {
        const bridge = start();
        const names = Array.from({ length: many }, (_, n) => `many-${n}`);
        bridge.want(...names.map((service, n) => testPublication(service, [`10.3.${n >> 8}.${n & 255}:80`], MANY_TTL_MS)));
        const published = () => [...bridge.sink.publications()].filter((p) => p.state === 'published').length;
        await poll('all are published', async () => published() === many, deadline * 4);
        await sees('many-0', '10.3.0.0:80');
        await sees(`many-${many - 1}`, `10.3.${(many - 1) >> 8}.${(many - 1) & 255}:80`);
        const before = bridge.sink.counters.registered;
        bridge.want(testPublication('many-7', ['10.3.0.7:81'], MANY_TTL_MS));
        await sees('many-7', '10.3.0.7:81');
        expect(bridge.sink.counters.registered - before).toBe(1);
        bridge.withdraw(...names);
        await poll('all are gone', async () => [...bridge.sink.publications()].length === 0, deadline * 4);
        await sees(`many-${many - 1}`);
      },
      caseTimeout * 2,
    );
  });

  /** Longer than any harness's TTL, of which only the harness knows when the timeouts are set. */
  function ttls(times: number): number {
    return times * 15_000;
  }
}
