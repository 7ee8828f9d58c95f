import { describe, expect, jest, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { ServiceRecord, SourceEvent } from '@isthmus/model';
import { buildRecord } from './build-record.ts';
import { serviceRead } from './known-service.ts';
import type { ServiceRead } from './known-service.ts';
import { meshHostName } from './mesh-host-name.ts';
import { ScopeView } from './scope-view.ts';

const scope = { source: parseSourceId('shop'), namespace: 'public', group: 'G' };

function read(name: string, ports: readonly number[], persistent = false, version = 'v1'): ServiceRead {
  const instances = ports.map((port) => ({
    instanceId: `i${port}`,
    address: '10.0.0.1',
    port,
    weight: 1,
    health: 'healthy' as const,
    metadata: { version },
  }));
  const result = buildRecord({ ...scope, name }, meshHostName([name], 'nacos'), instances);
  if (!('record' in result)) throw new Error('rejected');
  return serviceRead(result.record, persistent);
}

function open(restartGrace = 10_000) {
  const events: SourceEvent[] = [];
  const view = new ScopeView({
    scope,
    emit: (event) => events.push(event),
    clock: { now: () => 1_000 },
    registry: 'Nacos',
    restartGrace,
  });
  const take = () => events.splice(0).map(describeEvent);
  return { view, take };
}

const portsOf = (record: ServiceRecord) => `${record.key.name}:${record.endpoints.map((endpoint) => endpoint.port).join('+')}`;

function describeEvent(event: SourceEvent): string {
  switch (event.kind) {
    case 'snapshot':
      return `snapshot ${[...event.services.values()].map(portsOf).join(' ')}`.trim();
    case 'upsert':
      return `upsert ${portsOf(event.service)}`;
    case 'remove':
      return `remove ${event.key.name}`;
    case 'status':
      return event.status.state;
    case 'diagnostics':
      return `diagnostics ${event.diagnostics.map((d) => d.code).join()}`;
  }
}

const reads = (...list: ServiceRead[]) => new Map(list.map((entry) => [entry.record.key.name, entry]));

describe('what is said of a scope', () => {
  test('is the same record once, also where it was made of something else, and where what is held makes it whole', () => {
    const { view, take } = open();
    const orders = { ...read('orders', [1, 2]), hash: 'of its nodes' };
    view.commit(reads(orders));
    take();
    view.apply('orders', { ...read('orders', [1, 2]), hash: 'of other nodes' });
    expect(take()).toEqual([]);
    view.lost('gone');
    view.commit(reads({ ...read('orders', []), hash: 'of no nodes' }, read('stock', [3])));
    take();
    view.apply('orders', { ...read('orders', []), hash: 'of none again' });
    view.apply('orders', { ...read('orders', [1]), hash: 'of the first' });
    expect(take()).toEqual([]);
    view.apply('orders', read('orders', [1, 2, 3]));
    expect(take()).toEqual(['upsert orders:1+2+3', 'snapshot orders:1+2+3 stock:3', 'live']);
    view.close();
  });

  test('is kept once in memory: a repeated push, or a new read of the same, goes on with the record that was told', () => {
    const told: ServiceRecord[] = [];
    const emit = (event: SourceEvent) => {
      if (event.kind === 'snapshot') told.push(...event.services.values());
    };
    const view = new ScopeView({ scope, emit, clock: { now: () => 1_000 }, registry: 'Nacos', restartGrace: 10_000 });
    view.commit(reads(read('orders', [1, 2])));
    view.apply('orders', read('orders', [1, 2]));
    view.apply('orders', { ...read('orders', [1, 2]), hash: 'of other nodes' });
    for (const hash of ['of a read', 'of another']) {
      view.lost('gone');
      view.commit(reads({ ...read('orders', [1, 2]), hash }));
    }
    expect(told).toHaveLength(3);
    expect(new Set(told).size).toBe(1);
  });

  test('is syncing, a snapshot, live; then changes, each once', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1]), read('empty', [])));
    expect(take()).toEqual(['syncing', 'snapshot a:1', 'live']);
    view.apply('a', read('a', [1]));
    view.apply('none', read('none', []));
    expect(take()).toEqual([]);
    view.apply('a', read('a', [1], false, 'v2'));
    view.apply('a', read('a', []));
    expect(take()).toEqual(['upsert a:1', 'remove a']);
  });

  test('after a loss is stale, and live again with a snapshot when everything is there', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1, 2])));
    take();
    view.lost('gone');
    view.lost('still gone');
    view.commit(reads(read('a', [1, 2]), read('b', [3])));
    expect(take()).toEqual(['stale', 'stale', 'snapshot a:1+2 b:3', 'live']);
  });

  test('keeps instances that a restarted Nacos does not list yet, and drops them when the grace ends', () => {
    jest.useFakeTimers();
    try {
      const { view, take } = open();
      view.commit(reads(read('a', [1, 2]), read('b', [3])));
      take();
      view.lost('gone');
      view.commit(reads(read('a', []), read('b', [])));
      expect(take()).toEqual(['stale', 'stale']);
      view.apply('a', read('a', [1], false, 'v2'));
      expect(take()).toEqual(['upsert a:1+2']);
      jest.advanceTimersByTime(9_999);
      expect(take()).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(take()).toEqual(['snapshot a:1', 'live']);
    } finally {
      jest.useRealTimers();
    }
  });

  test('is live before the grace ends when all have come back', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1, 2])));
    view.lost('gone');
    view.commit(reads());
    take();
    view.apply('a', read('a', [1]));
    view.apply('a', read('a', [1, 2]));
    expect(take()).toEqual(['snapshot a:1+2', 'live']);
  });

  test('says an instance that came back and left again during the grace without its endpoint, and deletes nothing then', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1]), read('b', [2])));
    view.lost('gone');
    view.commit(reads());
    view.apply('a', read('a', [1]));
    take();
    view.apply('a', read('a', []));
    expect(take()).toEqual(['upsert a:']);
    view.apply('b', read('b', [2]));
    expect(take()).toEqual(['snapshot b:2', 'live']);
  });

  test('does not hold persistent instances: they survive a restart, so their absence means something', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1], true), read('b', [2], true)));
    take();
    view.lost('gone');
    view.commit(reads(read('b', [2], true)));
    expect(take()).toEqual(['stale', 'snapshot b:2', 'live']);
  });

  test('holds nothing when the registry has kept its data and providers, except what was held before', () => {
    const { view, take } = open();
    const none = [new Map<string, string>(), new Set<string>()] as const;
    view.commit(reads(read('a', [1]), read('b', [2])));
    view.lost('a short break');
    take();
    view.commit(reads(read('b', [2])), ...none, true);
    expect(take()).toEqual(['snapshot b:2', 'live']);
    view.lost('restarted empty');
    view.commit(reads());
    view.lost('a short break');
    take();
    view.commit(reads(), ...none, true);
    expect(take()).toEqual(['stale']);
    view.close();
  });

  test('holds through a second loss within the grace', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1])));
    view.lost('gone');
    view.commit(reads());
    view.lost('gone again');
    view.commit(reads());
    expect(take().filter((said) => said.startsWith('upsert') || said.startsWith('remove'))).toEqual([]);
    view.apply('a', read('a', [1]));
    expect(take()).toEqual(['snapshot a:1', 'live']);
    view.close();
  });

  test('with a service that cannot be read is partial: no snapshot, nothing deleted, and complete when it can be read', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1])), new Map([['b', 'timeout']]));
    expect(take()).toEqual(['syncing', 'partial', 'upsert a:1']);
    view.apply('b', read('b', [2]));
    expect(take()).toEqual(['upsert b:2', 'snapshot a:1 b:2', 'live']);
    view.fail('a', 'timeout');
    expect(take()).toEqual(['partial']);
    view.forget('a');
    expect(take()).toEqual(['snapshot a:1 b:2', 'live']);
  });

  test('with an answer that makes no sense keeps what was known of that service and is complete', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1]), read('b', [2])));
    take();
    view.commit(reads(read('b', [2])), new Map(), new Set(['a']));
    expect(take()).toEqual(['snapshot a:1 b:2']);
  });

  test('has each set of diagnostics once, and says when one is taken back', () => {
    const { view, take } = open();
    take();
    const diagnostic = { code: 'answer.invalid', severity: 'error', where: 'w', what: 'x', meaning: 'm', remedy: 'r' } as const;
    view.diagnose('a', diagnostic);
    view.diagnose('a', { ...diagnostic });
    view.diagnose('a', undefined);
    view.diagnose('a', undefined);
    expect(take()).toEqual(['diagnostics answer.invalid', 'diagnostics ']);
  });
});

describe('a commit in steps', () => {
  const thousand = reads(...Array.from({ length: 1_000 }, (_, n) => read(`s${n}`, [1])));

  test('says nothing before its last step, then everything at once', () => {
    const { view, take } = open();
    take();
    const steps = view.commitSteps(thousand);
    steps.next();
    expect([take(), view.isSynced]).toEqual([[], false]);
    let last = steps.next();
    while (last.done !== true) last = steps.next();
    expect(last.value).toBe(true);
    expect(take().map((said) => said.split(' ').length)).toEqual([1_001, 1]);
  });

  test('takes nothing over when the scope is lost in the middle of it', () => {
    const { view, take } = open();
    view.commit(reads(read('a', [1])));
    view.lost('gone');
    take();
    const steps = view.commitSteps(thousand);
    steps.next();
    view.lost('gone again');
    let last = steps.next();
    while (last.done !== true) last = steps.next();
    expect([last.value, view.names(), view.isSynced, take()]).toEqual([false, ['a'], false, ['stale']]);
  });
});
