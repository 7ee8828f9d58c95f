import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { LeaseSink, alwaysWriter, publicationId } from '@isthmus/registry';
import { describeSinkContract, testLedger, testPublication } from '@isthmus/registry/testing';
import { consulConfig } from './config.ts';
import { consulSink } from './sink.ts';
import { RIGHT_TOKEN } from './testing/real-harness.ts';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Consul', sinkRealHarness, { deadlineMs: 30_000 });

/** The policy of docs/way-back.md. */
const POLICY = `
service "monolith" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }`;

describe('Consul with the least rights', () => {
  let harness: Awaited<ReturnType<typeof sinkRealHarness>>;

  beforeAll(async () => void (harness = await sinkRealHarness()), 60_000);
  afterAll(() => harness?.close(), 30_000);

  test('publishes the names that it may write, and says of another one that it may not', async () => {
    const put = async (path: string, body: object) => {
      const headers = { 'x-consul-token': RIGHT_TOKEN };
      const answer = await fetch(`${harness.url}/v1/acl/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
      return (await answer.json()) as { SecretID: string };
    };
    await put('policy', { Name: 'isthmus', Rules: POLICY });
    process.env['CONSUL_TEST_LEAST'] = (await put('token', { Policies: [{ Name: 'isthmus' }] })).SecretID;
    const config = consulConfig.parse({
      name: 'target',
      kind: 'consul',
      servers: [harness.url],
      auth: { tokenEnv: 'CONSUL_TEST_LEAST' },
    });
    const sink = new LeaseSink(config.name, consulSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' }), {
      clock: systemClock,
      random: Math.random,
      meshId: 'shop',
      writer: alwaysWriter('one'),
      ledger: testLedger(),
      isComplete: () => true,
    });
    const abort = new AbortController();
    const running = sink.run(abort.signal);
    for (const name of ['monolith', 'other']) {
      const publication = testPublication(name, ['10.0.0.1:80'], 30_000);
      sink.want(publicationId(publication.at), publication);
    }
    const end = Date.now() + 20_000;
    const states = () => ['//monolith', '//other'].map((id) => sink.publication(id)?.state).join();
    while (states() !== 'published,failed' && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(states()).toBe('published,failed');
    expect(sink.publication('//other')?.cause).toMatch(/permission denied.*service:write/is);
    expect(await harness.seen('monolith')).toHaveLength(1);
    abort.abort();
    await running;
    const { signal } = new AbortController();
    const session = await consulSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' }).connect(0, signal);
    try {
      await session.mayWrite({ namespace: '', group: '', name: 'monolith' }, signal);
      const asked = session.mayWrite({ namespace: '', group: '', name: 'other' }, signal);
      await expect(asked).rejects.toMatchObject({
        code: 'registry.auth',
        message: expect.stringContaining('may not write other'),
      });
    } finally {
      session.close();
    }
  }, 60_000);
});
