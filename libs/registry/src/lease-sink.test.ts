import { expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { LeaseSink } from './lease-sink.ts';
import { alwaysWriter, publicationId } from './registry-sink.ts';
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
