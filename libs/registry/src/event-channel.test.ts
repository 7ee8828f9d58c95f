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

async function drain(channel: EventChannel, count: number): Promise<SourceEvent[]> {
  const abort = new AbortController();
  const events: SourceEvent[] = [];
  if (count === 0) return events;
  for await (const event of channel.read(abort.signal)) {
    events.push(event);
    if (events.length === count) abort.abort();
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
        expect(viewOf(await drain(channel, channel.size))).toEqual(viewOf(events));
      }),
    );
  });

  test('no event of a service crosses a status or a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
        const channel = new EventChannel();
        for (const event of events) channel.push(event);
        const got = await drain(channel, channel.size);
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

  test('ten thousand changes of one service wait as one', () => {
    const channel = new EventChannel();
    channel.push(snapshot());
    for (let n = 0; n < 10_000; n += 1) channel.push(n % 2 === 0 ? upsert('a', n) : remove('a'));
    expect(channel.size).toBe(2);
  });

  test('a reader that waits gets an event that is pushed later', async () => {
    const channel = new EventChannel();
    const reading = drain(channel, 1);
    await Promise.resolve();
    channel.push(upsert('a', 1));
    expect(await reading).toEqual([upsert('a', 1)]);
  });

  test('an abort ends a reader that waits', async () => {
    const abort = new AbortController();
    const next = new EventChannel().read(abort.signal).next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
