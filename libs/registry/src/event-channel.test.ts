import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parseSourceId, serviceId } from '@isthmus/model';
import type { MeshHost, ServiceId, ServiceKey, ServiceRecord, SourceEvent } from '@isthmus/model';
import fc from 'fast-check';
import { EventChannel } from './event-channel.ts';

const source = parseSourceId('shop');
const scope = { source, namespace: 'public', group: 'G' };
const key = (name: string): ServiceKey => ({ ...scope, name });
const record = (name: string, run: number): ServiceRecord => ({
  key: key(name),
  host: `${name}-${run}.test` as MeshHost,
  endpoints: [],
  diagnostics: [],
});
const upsert = (name: string, run: number): SourceEvent => ({ kind: 'upsert', service: record(name, run) });
const remove = (name: string): SourceEvent => ({ kind: 'remove', key: key(name) });
const status = (state: 'syncing' | 'live'): SourceEvent => ({ kind: 'status', scope, status: { state } });
const snapshot = (...records: ServiceRecord[]): SourceEvent => ({
  kind: 'snapshot',
  scope,
  services: new Map(records.map((r) => [serviceId(r.key), r])),
});

const END: SourceEvent = { kind: 'diagnostics', scope, diagnostics: [] };

/** All that waits, or what comes until `END` is pushed. */
async function drain(channel: EventChannel): Promise<SourceEvent[]> {
  const events: SourceEvent[] = [];
  for await (const event of channel.read(new AbortController().signal)) {
    if (event === END) return events;
    events.push(event);
  }
  return events;
}

/** The view of a reader that applies every event. */
function viewOf(events: readonly SourceEvent[]): ReadonlyMap<ServiceId, string> {
  let view = new Map<ServiceId, string>();
  for (const event of events) {
    if (event.kind === 'snapshot') view = new Map([...event.services].map(([id, r]) => [id, r.host]));
    if (event.kind === 'upsert') view.set(serviceId(event.service.key), event.service.host);
    if (event.kind === 'remove') view.delete(serviceId(event.key));
  }
  return view;
}

const anyEvent = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(99)).map(([name, run]) => upsert(name, run)) },
  { weight: 2, arbitrary: fc.constantFrom('a', 'b', 'c').map(remove) },
  { weight: 1, arbitrary: fc.constantFrom('syncing' as const, 'live' as const).map(status) },
  { weight: 1, arbitrary: fc.nat(99).map((run) => snapshot(record('a', run), record('b', run))) },
);

describe('an event channel', () => {
  test('a slow reader ends with the same view as one that saw every event', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
        const channel = new EventChannel();
        for (const event of events) channel.push(event);
        channel.push(END);
        expect(viewOf(await drain(channel))).toEqual(viewOf(events));
      }),
    );
  });

  test('no event of a service crosses a status or a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
        const channel = new EventChannel();
        for (const event of events) channel.push(event);
        channel.push(END);
        const got = await drain(channel);
        const upTo = (list: readonly SourceEvent[], nth: number) => {
          let seen = 0;
          const at = list.findIndex((event) => (event.kind === 'status' || event.kind === 'snapshot') && seen++ === nth);
          return at < 0 ? undefined : viewOf(list.slice(0, at + 1));
        };
        const fences = events.filter((event) => event.kind === 'status' || event.kind === 'snapshot').length;
        for (let n = 0; n < fences; n += 1) expect(upTo(got, n)).toEqual(upTo(events, n));
      }),
    );
  });

  test('what changed and changed back while it waited is no event', async () => {
    const channel = new EventChannel();
    const abort = new AbortController();
    const reading = channel.read(abort.signal);
    channel.push(snapshot(record('a', 1)));
    expect((await reading.next()).value).toEqual(snapshot(record('a', 1)));
    channel.push(upsert('a', 2));
    channel.push(upsert('a', 1));
    channel.push(upsert('b', 1));
    channel.push(remove('b'));
    channel.push(remove('a'));
    channel.push(upsert('a', 1));
    channel.push(status('live'));
    expect((await reading.next()).value).toEqual(status('live'));
    abort.abort();
  });

  test('of a source that says equal content once, each upsert and removal that is read changes something, however late the reader is', async () => {
    const readOrPush = fc.oneof({ weight: 3, arbitrary: anyEvent }, { weight: 2, arbitrary: fc.constant('read' as const) });
    await fc.assert(
      fc.asyncProperty(fc.array(readOrPush, { maxLength: 60 }), async (steps) => {
        const channel = new EventChannel();
        const abort = new AbortController();
        const reading = channel.read(abort.signal);
        const said: SourceEvent[] = [];
        const got: SourceEvent[] = [];
        const next = async () => {
          const { value } = await reading.next();
          if (value === undefined) throw new Error('the channel has ended');
          if (value.kind === 'upsert' || value.kind === 'remove') {
            expect(viewOf([...got, value])).not.toEqual(viewOf(got));
          }
          got.push(value);
        };
        for (const step of steps) {
          if (step === 'read') {
            channel.push(END); // so that there is something to wait for
            await next();
            continue;
          }
          const after = viewOf([...said, step]);
          if ((step.kind === 'upsert' || step.kind === 'remove') && isDeepStrictEqual(after, viewOf(said))) continue;
          said.push(step);
          channel.push(step);
        }
        const last: SourceEvent = { ...END };
        channel.push(last);
        while (got.at(-1) !== last) await next();
        expect(viewOf(got)).toEqual(viewOf(said));
        abort.abort();
      }),
    );
  });

  test('ten thousand changes of one service wait as one', () => {
    const channel = new EventChannel();
    channel.push(snapshot());
    for (let n = 0; n < 10_000; n += 1) channel.push(n % 2 === 0 ? upsert('a', n) : remove('a'));
    expect(channel.size).toBe(2);
  });

  test('a reader that waits gets an event that is pushed later', async () => {
    const channel = new EventChannel();
    const reading = drain(channel);
    await Promise.resolve();
    channel.push(upsert('a', 1));
    await Promise.resolve();
    channel.push(END);
    expect(await reading).toEqual([upsert('a', 1)]);
  });

  test('an abort ends a reader that waits', async () => {
    const abort = new AbortController();
    const next = new EventChannel().read(abort.signal).next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
