import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { LeaseSink, alwaysWriter, publicationId } from '@isthmus/registry';
import { describeSinkContract, testLedger, testPublication } from '@isthmus/registry/testing';
import type { SinkHarness } from '@isthmus/registry/testing';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Eureka behind Spring Security', () => sinkRealHarness(), { deadlineMs: 40_000 });

describe('Eureka behind Spring Security that checks a bcrypt hash at every request, for 70 ms of CPU', () => {
  let harness: SinkHarness;

  beforeAll(async () => void (harness = await sinkRealHarness({ hashed: true })), 180_000);
  afterAll(() => harness?.close(), 60_000);

  test('30 services are published, renewed and withdrawn', async () => {
    const abort = new AbortController();
    const sink = new LeaseSink('target' as never, harness.wire(), {
      clock: systemClock,
      random: Math.random,
      meshId: 'shop',
      writer: alwaysWriter('one'),
      ledger: testLedger(),
      isComplete: () => true,
    });
    const running = sink.run(abort.signal);
    const wanted = Array.from({ length: 30 }, (_, n) => testPublication(`many-${n}`, [`10.3.${n >> 8}.${n & 255}:80`], 30_000));
    for (const publication of wanted) sink.want(publicationId(publication.at), publication);
    const all = () => [...sink.publications()];
    // A server that hashes on a busy machine may answer one question too late.
    const sees = async (count: number) => (await harness.seen('many-29').catch(() => undefined))?.length === count;
    const published = () => all().length === 30 && all().every((p) => p.state === 'published');
    await until('all are published and renewed', () => published() && sink.counters.renewed >= 30, 240_000);
    await until('callers see the last', () => sees(1), 60_000);
    for (const publication of wanted) sink.want(publicationId(publication.at), undefined);
    await until('all are withdrawn', () => all().length === 0, 240_000);
    await until('callers see it no more', () => sees(0), 60_000);
    abort.abort();
    await running;
  }, 600_000);
});
