import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { ServiceRecord, SourceEvent } from '@isthmus/model';
import { buildRecord, meshHostName } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import { eurekaSchema } from './config.ts';
import { Poll } from './poll.ts';
import type { Read, Reader } from './reader-thread.ts';
import type { ReadRequest, ReadSummary } from './reader.ts';

const source = parseSourceId('old');

function record(name: string): ServiceRecord {
  const key = { source, namespace: '', group: '', name };
  const instance = { instanceId: name, address: '10.0.0.1', port: 80, weight: 1, health: 'healthy', metadata: {} } as const;
  const result = buildRecord(key, meshHostName([name], 'eureka'), [instance]);
  if ('rejected' in result) throw new Error(result.rejected.what);
  return result.record;
}

const summary: ReadSummary = {
  removed: [],
  version: undefined,
  hashMatches: true,
  refused: false,
  problems: [],
  unreadable: [],
  applications: 1,
  tookMs: 0,
  lastByteAt: 0,
};

/** Answers the requests in order by a script; the poll is over when it is at its end: what it asks until then, nobody answers. */
class ScriptedReader implements Reader {
  hasRead = false;
  readonly requests: ReadRequest['kind'][] = [];
  readonly #script: (() => Read)[];
  readonly #over: AbortController;

  constructor(script: (() => Read)[], over: AbortController) {
    this.#script = script;
    this.#over = over;
  }

  async read({ kind }: ReadRequest): Promise<Read> {
    const answer = this.#script.shift();
    if (answer === undefined) {
      await once(this.#over.signal, 'abort');
      throw new AnswerError('registry.unreachable', 'the script is over');
    }
    this.requests.push(kind);
    if (this.#script.length === 0) setImmediate(() => setImmediate(() => this.#over.abort()));
    return answer();
  }

  async close(): Promise<void> {}
}

async function run(
  script: (reader: () => ScriptedReader) => (() => Read)[],
): Promise<{ events: SourceEvent[]; requests: readonly string[] }> {
  const events: SourceEvent[] = [];
  const abort = new AbortController();
  const config = eurekaSchema.parse({
    name: 'old',
    kind: 'eureka',
    servers: ['http://127.0.0.1:1/eureka'],
    pollInterval: '10ms',
  });
  const reader: ScriptedReader = new ScriptedReader(
    script(() => reader),
    abort,
  );
  const deps = { clock: { now: () => 1_000 }, random: () => 0, baseDir: '.' };
  await new Poll(source, config, deps, reader, (event) => events.push(event)).run(abort.signal);
  return { events, requests: reader.requests };
}

describe('the poll', () => {
  test('after the reading thread was lost everything is read again, and nothing goes', async () => {
    const { events, requests } = await run((reader) => [
      () => {
        reader().hasRead = true;
        return { summary, records: [record('orders'), record('payments')], fromScratch: true };
      },
      () => {
        reader().hasRead = false;
        throw new AnswerError('registry.protocol', 'the reading thread ended: out of memory');
      },
      () => ({ summary, records: [record('orders')], fromScratch: true }),
    ]);
    expect(requests).toEqual(['full', 'delta', 'full']);
    expect(events.filter(({ kind }) => kind === 'remove')).toEqual([]);
    const statuses = events.flatMap((event) => (event.kind === 'status' ? event.status : []));
    expect(statuses.map(({ state }) => state)).toEqual(['syncing', 'live', 'stale', 'stale']);
    expect(statuses.at(-1)).toMatchObject({ cause: expect.stringContaining('does not list every instance') });
  });
});
