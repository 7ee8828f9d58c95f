import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { LeaseSink, alwaysWriter, publicationId } from '@isthmus/registry';
import { describeSinkContract, testLedger, testPublication } from '@isthmus/registry/testing';
import type { SinkHarness } from '@isthmus/registry/testing';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

// Spring Security checks a bcrypt hash at every request (about 70 ms of CPU): 500 services are tried without it below.
describeSinkContract('Eureka behind Spring Security', () => sinkRealHarness(), { deadlineMs: 40_000, manyServices: 30 });

describe('Eureka without authentication', () => {
  let harness: SinkHarness;

  beforeAll(async () => void (harness = await sinkRealHarness({ withAuth: false })), 180_000);
  afterAll(() => harness?.close(), 60_000);

  test('500 services are published, renewed and withdrawn', async () => {
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
    const wanted = Array.from({ length: 500 }, (_, n) => testPublication(`many-${n}`, [`10.3.${n >> 8}.${n & 255}:80`], 30_000));
    for (const publication of wanted) sink.want(publicationId(publication.at), publication);
    const all = () => [...sink.publications()];
    const published = () => all().length === 500 && all().every((p) => p.state === 'published');
    await until('all are published and renewed', () => published() && sink.counters.renewed >= 500, 240_000);
    expect(await harness.seen('many-499')).toHaveLength(1);
    for (const publication of wanted) sink.want(publicationId(publication.at), undefined);
    await until('all are withdrawn', () => all().length === 0, 240_000);
    expect(await harness.seen('many-499')).toEqual([]);
    abort.abort();
    await running;
  }, 600_000);
});
