import { afterEach, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { LeaseSink } from './lease-sink.ts';
import { alwaysWriter, publicationId } from './registry-sink.ts';
import type { SinkDeps } from './registry-sink.ts';
import { MemoryRegistry } from './testing/memory-registry.ts';
import { TEST_SOURCE, testPublication } from './testing/publication.ts';
import { testLedger } from './testing/test-ledger.ts';

test('however often it renews, it leaves nothing with the signal that ends it', async () => {
  const registry = new MemoryRegistry(60);
  const sink = new LeaseSink(TEST_SOURCE, registry.wire(), {
    ...{ clock: systemClock, random: Math.random, meshId: 'us', writer: alwaysWriter('me'), ledger: testLedger() },
    isComplete: () => true,
  });
  const over = new AbortController();
  const running = sink.run(over.signal);
  const publication = testPublication('orders', ['10.0.0.1:80'], registry.ttlMs);
  sink.want(publicationId(publication.at), publication);
  await until('it has renewed', () => sink.counters.renewed >= 5);
  // Of Node's own, and of another realm than this test: `AbortSignal.any` notes its signal there for good (20.20).
  const notes = Object.getOwnPropertySymbols(over.signal)
    .map((symbol): unknown => Reflect.get(over.signal, symbol))
    .flatMap((value) => (typeof value === 'object' && value !== null && 'size' in value ? [Number(value.size)] : []));
  over.abort();
  await running;
  expect(Math.max(...notes)).toBeLessThanOrEqual(1); // it sleeps
});

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** A sink on a registry whose next `list` has answered, but is heard only when the test says so. */
function startSlow(
  registry: MemoryRegistry,
  more: Partial<SinkDeps>,
): { sink: LeaseSink; isAsked: () => boolean; answer: () => void } {
  let isAsked = false;
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const wire = registry.wire();
  const deps = { clock: systemClock, random: Math.random, meshId: 'us', writer: alwaysWriter('me'), ledger: testLedger() };
  const slow: typeof wire = {
    connect: async (attempt, signal) => {
      const session = await wire.connect(attempt, signal);
      const list: typeof session.list = async (at, within) => {
        const listed = await session.list(at, within);
        isAsked = true;
        await answered;
        return listed;
      };
      return { ...session, list };
    },
  };
  const sink = new LeaseSink(TEST_SOURCE, slow, { ...deps, isComplete: () => true, ...more });
  const over = new AbortController();
  const running = sink.run(over.signal);
  endings.push(async () => {
    over.abort();
    answer();
    await running;
  });
  return { sink, isAsked: () => isAsked, answer };
}

test('consul-k8s#319: what becomes wanted while a bridge that starts again still asks what is there is not withdrawn', async () => {
  const registry = new MemoryRegistry(60_000);
  const ledger = testLedger();
  const publication = testPublication('orders', ['10.0.0.1:80'], registry.ttlMs);
  const id = publicationId(publication.at);
  const first = startSlow(registry, { ledger });
  first.answer();
  first.sink.want(id, publication);
  await until('it is written', () => first.sink.publication(id)?.state === 'published');
  for (const end of endings.splice(0)) await end();

  let isComplete = false;
  const { sink, isAsked, answer } = startSlow(registry, { ledger, isComplete: () => isComplete });
  await until('it asks what is there', isAsked);
  sink.want(id, publication); // its source is read meanwhile
  isComplete = true;
  sink.gateChanged();
  answer();
  await until('it is done', () => sink.publication(id)?.state === 'published');
  expect(sink.counters).toMatchObject({ registered: 0, withdrawn: 0 });
  expect(registry.calls.filter((call) => call.startsWith('deregister'))).toEqual([]);
});

test('what changes while another bridge’s entry is asked for is written over it', async () => {
  const registry = new MemoryRegistry(60_000);
  const of = (version: string) => testPublication('orders', [`10.0.0.1:80 1 ${version}`], registry.ttlMs);
  const id = publicationId(of('v1').at);
  const versions = async () => (await registry.seen('orders')).map(({ metadata }) => metadata['version']);
  const other = startSlow(registry, { writer: alwaysWriter('other') });
  other.answer();
  other.sink.want(id, of('v1'));
  await until('it is written', () => other.sink.publication(id)?.state === 'published');

  const { sink, isAsked, answer } = startSlow(registry, {});
  sink.want(id, of('v1'));
  await until('it asks what is there', isAsked);
  sink.want(id, of('v2'));
  answer();
  await until('the change is written', async () => String(await versions()) === 'v2');
});
