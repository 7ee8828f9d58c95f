import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseSourceId } from '@isthmus/model';
import { ApplicationReader } from './application.ts';
import { DeltaRead, FullRead, emptyMirror, matchesHash } from './mirror.ts';
import type { Mirror } from './mirror.ts';
import { StatusCounts } from './status-counts.ts';

const reader = new ApplicationReader(parseSourceId('old'), { include: ['*'], exclude: ['hidden'] });

interface Instance {
  readonly app: string;
  readonly instanceId: string;
  readonly status: string;
  readonly lastUpdatedTimestamp: string;
  readonly actionType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const bytes = (name: string, instance: readonly unknown[]) =>
  ({ kind: 'application', bytes: Buffer.from(JSON.stringify({ name, instance })) }) as const;

const applications = (instances: readonly Instance[]) =>
  [...Map.groupBy(instances, ({ app }) => app)].map(([name, list]) => reader.read(bytes(name, list)));

function full(old: Mirror, instances: readonly Instance[], hash = hashOf(instances)) {
  const read = new FullRead(reader, old);
  const records = applications(instances).flatMap((application) => read.add(application) ?? []);
  return { ...read.finish({ version: 1, hash }), records };
}

function hashOf(instances: readonly Instance[]): string {
  const counts = new StatusCounts();
  for (const { status } of instances) counts.add(status, 1);
  return counts.hash();
}

const instance = (app: string, id: string, updated: number, more: Partial<Instance> = {}): Instance => ({
  app,
  instanceId: id,
  status: 'UP',
  lastUpdatedTimestamp: String(updated),
  actionType: 'ADDED',
  metadata: {},
  ...more,
});

const visible = (mirror: Mirror) =>
  [...mirror.applications]
    .flatMap(([name, list]) => [...list.values()].map(({ id, status, text }) => [name, id, status, text].join(' ')))
    .sort();

describe('the mirror of a server', () => {
  test('deltas lead to what a full read gives, and its hash proves it', () => {
    const change = fc.record({
      app: fc.constantFrom('orders', 'payments', 'hidden'),
      id: fc.constantFrom('a', 'b', 'c'),
      action: fc.constantFrom('put', 'put', 'delete'),
      status: fc.constantFrom('UP', 'DOWN', 'OUT_OF_SERVICE'),
      version: fc.constantFrom('v1', 'v2'),
    });
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 6 }), (polls) => {
        const server = new Map<string, Instance>();
        const queue = new Map<string, Instance>(); // the last change of each, repeated for three minutes
        const mirror = emptyMirror();
        let clock = 0;
        for (const changes of polls) {
          for (const { app, id, action, status, version } of changes) {
            clock += 1;
            const at = `${app} ${id}`;
            const known = server.has(at);
            if (action === 'delete' && !known) continue;
            const actionType = action === 'delete' ? 'DELETED' : known ? 'MODIFIED' : 'ADDED';
            const next = instance(app, id, clock, { status, metadata: { version }, actionType });
            queue.delete(at);
            queue.set(at, next);
            if (action === 'delete') server.delete(at);
            else server.set(at, next);
          }
          const delta = new DeltaRead(mirror);
          for (const application of applications([...queue.values()])) delta.add(application);
          delta.apply();
          expect(matchesHash(mirror, hashOf([...server.values()]))).toBe(true);
          expect(visible(mirror)).toEqual(visible(full(emptyMirror(), [...server.values()]).mirror));
        }
      }),
    );
  });

  test('a delta names only applications in which something mapped has changed', () => {
    const { mirror } = full(emptyMirror(), [instance('orders', 'a', 1), instance('payments', 'b', 1)]);
    const delta = new DeltaRead(mirror);
    // A renewal moves timestamps, STARTING to DOWN is unhealthy to unhealthy: neither is a change to callers.
    for (const application of applications([
      instance('orders', 'a', 5),
      instance('payments', 'b', 5, { metadata: { version: 'v2' } }),
    ])) {
      delta.add(application);
    }
    expect([...delta.apply()]).toEqual(['payments']);
  });

  test('an older state in a cached delta does not come back', () => {
    const { mirror } = full(emptyMirror(), [instance('orders', 'a', 10, { metadata: { version: 'v2' } })]);
    const delta = new DeltaRead(mirror);
    for (const application of applications([instance('orders', 'a', 9, { metadata: { version: 'v1' } })])) delta.add(application);
    for (const application of applications([instance('orders', 'a', 8, { actionType: 'DELETED' })])) delta.add(application);
    expect([...delta.apply()]).toEqual([]);
    expect(mirror.applications.get('orders')?.size).toBe(1);
  });

  test('an instance that comes and goes within one delta is gone', () => {
    const mirror = emptyMirror();
    const delta = new DeltaRead(mirror);
    for (const application of applications([instance('orders', 'a', 1), instance('orders', 'a', 2, { actionType: 'DELETED' })])) {
      delta.add(application);
    }
    delta.apply();
    expect(mirror.applications.size).toBe(0);
    expect(mirror.counts.hash()).toBe('');
  });

  test('a full read tells only the records that differ, and the names that are gone', () => {
    const before = full(emptyMirror(), [instance('orders', 'a', 1), instance('payments', 'b', 1), instance('web', 'c', 1)]);
    expect(before.records.map(({ key }) => key.name)).toEqual(['orders', 'payments', 'web']);
    const after = full(before.mirror, [instance('orders', 'a', 2), instance('payments', 'b', 2, { status: 'DOWN' })]);
    expect(after.records.map(({ key }) => key.name)).toEqual(['payments']);
    expect(after.removed).toEqual(['web']);
  });

  test('names that differ only in case are one application', () => {
    const { mirror, records } = full(emptyMirror(), [instance('Orders', 'a', 1), instance('ORDERS', 'b', 1)]);
    expect([...mirror.applications.keys()]).toEqual(['orders']);
    expect(records.at(-1)?.key.name).toBe('orders');
  });

  test('instances that are excluded count in the hash and give no record', () => {
    const { mirror, records } = full(emptyMirror(), [instance('hidden', 'a', 1)]);
    expect(records).toEqual([]);
    expect(matchesHash(mirror, 'UP_1_')).toBe(true);
  });

  test('what could not be read is counted too, so that the hash goes on telling of missed deltas', () => {
    const read = new FullRead(reader, emptyMirror());
    read.add(reader.read(bytes('orders', [instance('orders', 'a', 1), null])));
    const { mirror } = read.finish({ version: 1, hash: 'UP_2_' });
    expect(matchesHash(mirror, 'UP_2_')).toBe(true);
    expect(matchesHash(mirror, 'UP_1_')).toBe(false);
    expect([...mirror.problems.keys()]).toEqual(['orders']);
  });

  test('an application that cannot be read keeps what was known of it', () => {
    const before = full(emptyMirror(), [instance('orders', 'a', 1)]);
    const read = new FullRead(reader, before.mirror);
    expect(read.add(reader.read({ kind: 'oversize', start: Buffer.from('{"name":"ORDERS","instance":[') }))).toBeUndefined();
    const { mirror, removed } = read.finish({ version: 1, hash: 'UP_1_' });
    expect(removed).toEqual([]);
    expect(mirror.applications.get('orders')?.size).toBe(1);
    expect(mirror.problems.get('orders')?.code).toBe('answer.too-large');
  });
});
