import { describe, expect, test } from '@jest/globals';
import { parseSourceId, serviceId } from '@isthmus/model';
import type { MeshHost, ServiceRecord, SourceEvent } from '@isthmus/model';
import { EventChannel } from '../event-channel.ts';
import { collect } from './collect.ts';

const id = parseSourceId('shop');
const scope = { source: id, namespace: 'public', group: 'G' };
const orders: ServiceRecord = {
  key: { ...scope, name: 'orders' },
  host: 'orders.test' as MeshHost,
  endpoints: [],
  diagnostics: [],
};
const syncing: SourceEvent = { kind: 'status', scope, status: { state: 'syncing' } };
const live: SourceEvent = { kind: 'status', scope, status: { state: 'live' } };
const stale: SourceEvent = { kind: 'status', scope, status: { state: 'stale', since: 0, cause: 'gone' } };
const snapshot: SourceEvent = { kind: 'snapshot', scope, services: new Map([[serviceId(orders.key), orders]]) };
const remove: SourceEvent = { kind: 'remove', key: orders.key };

async function violationsOf(...events: SourceEvent[]): Promise<readonly string[]> {
  const channel = new EventChannel();
  const view = collect({ id, watch: (signal) => channel.read(signal) });
  for (const event of events) {
    const seen = view.events.length;
    channel.push(event);
    await view.until('the event is read', (v) => v.events.length > seen);
  }
  await view.stop();
  return view.violations;
}

describe('the collector of the contract suite', () => {
  test('finds nothing wrong with the order that sources promise', async () => {
    expect(await violationsOf(syncing, snapshot, live, stale, snapshot, live, remove)).toEqual([]);
  });

  test('names a source that deletes while it is stale', async () => {
    expect(await violationsOf(syncing, snapshot, live, stale, remove)).toEqual([
      expect.stringContaining('while its scope is stale'),
    ]);
  });

  test('names a source that is live again without a complete read', async () => {
    expect(await violationsOf(syncing, snapshot, live, stale, live)).toEqual([
      expect.stringContaining('without a complete read'),
    ]);
  });

  test('names a source that says the same thing twice', async () => {
    expect(await violationsOf(syncing, snapshot, live, { kind: 'upsert', service: orders })).toEqual([
      expect.stringContaining('changes nothing'),
    ]);
  });

  test('says what it waited for and what it saw instead', async () => {
    const view = collect({ id, watch: (signal) => new EventChannel().read(signal) });
    await expect(view.until('a miracle', () => false, 10)).rejects.toThrow('"a miracle" did not come true in 10 ms; status none');
    await view.stop();
  });
});
