import { afterEach, describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf, upsert } from '@isthmus/catalog/testing';
import type { PublishConfig } from '@isthmus/config';
import { MemoryLedger } from '@isthmus/ledger';
import { scopeOf, systemClock } from '@isthmus/model';
import type { Endpoint, Ledger, MeshHost, ServiceId, ServiceRecord, SourceEvent, SourceId, SourceStatus } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { LeaseSink, alwaysWriter } from '@isthmus/registry';
import type { RegistrySink } from '@isthmus/registry';
import { MemoryRegistry } from '@isthmus/registry/testing';
import { completeSources } from '../engine/sinks.ts';
import { publishRule } from './publication.ts';
import { SinkPublisher } from './sink-publisher.ts';

const TO = 'target' as SourceId;
const CONFIG: PublishConfig = {
  to: TO,
  services: ['*'],
  address: 'instance',
  gateways: [],
  sidecarPort: undefined,
  port: undefined,
  name: '{name}',
  namespace: '',
  group: '',
  metadata: {},
  ttlMs: 2_000,
};

const stops: (() => Promise<void>)[] = [];
afterEach(async () => void (await Promise.all(splice())));
const splice = () => stops.splice(0).map((stop) => stop());

/** The part of the line from what a source says to what a registry has. */
function line(
  registry: MemoryRegistry,
  ledger: Ledger = new MemoryLedger(),
  configs: readonly PublishConfig[] = [CONFIG],
  before?: { readonly publisher: SinkPublisher; readonly clock: { readonly time: number } },
) {
  const clock = { time: before?.clock.time ?? 1_000_000, now: () => clock.time };
  const catalog = new Catalog({ rules: DEFAULT_RULES, guard: DEFAULT_GUARD, ledger, clock, allocateVips: false });
  const complete = new Set<SourceId>();
  const sink = new LeaseSink(TO, registry.wire(), {
    clock: systemClock,
    random: Math.random,
    meshId: 'us',
    writer: alwaysWriter('me'),
    ledger,
    isComplete: (source) => complete.has(source),
  });
  const isFollowed = (ids: readonly ServiceId[]) =>
    ids.every((id) => catalog.scopeById(id.slice(0, id.lastIndexOf('/')))?.status.state === 'live');
  const { flap } = DEFAULT_GUARD;
  const publisher = new SinkPublisher(configs.map(publishRule), new Map([[TO, sink]]), {
    ...{ clock, flap, isFollowed },
    before: before?.publisher.idle,
  });
  const abort = new AbortController();
  const running = sink.run(abort.signal);
  const stop = async () => {
    abort.abort();
    await running;
  };
  stops.push(stop);
  const publish = (hosts: Iterable<MeshHost>) => {
    for (const host of hosts) publisher.publish(host, catalog.merged(host));
    for (const source of completeSources(catalog.scopes())) complete.add(source);
    sink.gateChanged();
  };
  publish(catalog.restore(() => true));
  return { catalog, clock, sink, publisher, stop, publish, say: (event: SourceEvent) => publish(catalog.apply(event)) };
}

const services = (count: number) =>
  Array.from({ length: count }, (_, n) => record(`s${n}`, [endpoint({ address: `10.0.0.${n + 1}` })]));
const inRegistry = async (registry: MemoryRegistry, all: readonly ServiceRecord[]) => {
  let found = 0;
  for (const { key } of all) found += (await registry.seen(key.name)).length;
  return found;
};
const status = (state: SourceStatus): SourceEvent => ({ kind: 'status', scope: scopeOf(record('any', []).key), status: state });

describe('from what a source says to what a registry has', () => {
  test('nacos-sync: an empty Eureka answer deletes everything in the target: here it is held, and what is published stays', async () => {
    const registry = new MemoryRegistry();
    const { say, sink, catalog, publish } = line(registry);
    const all = services(20);
    say(snapshotOf(all));
    say(status({ state: 'live' }));
    await until('all are published', async () => (await inRegistry(registry, all)) === 20);
    say(snapshotOf([])); // complete, and empty: as after a Eureka that lost its data
    await until('the sink has had its turn', () => sink.counters.renewed > 40);
    expect(await inRegistry(registry, all)).toBe(20);
    expect(sink.counters.withdrawn).toBe(0);
    publish(catalog.release('a/ns/g')?.dirty ?? []); // an operator says that it is true
    await until('all are withdrawn', async () => (await inRegistry(registry, all)) === 0);
    expect(sink.counters.withdrawn).toBe(20);
  });

  test('a source that cannot be reached keeps its publications, also over a restart of the bridge', async () => {
    const registry = new MemoryRegistry();
    const ledger = new MemoryLedger();
    const all = services(3);
    const first = line(registry, ledger);
    first.say(snapshotOf(all));
    await until('all are published', async () => (await inRegistry(registry, all)) === 3);
    first.say(status({ state: 'stale', since: 1, cause: 'connection refused' }));
    await first.stop();
    const second = line(registry, ledger); // from what the ledger knows; the source says nothing
    second.say(status({ state: 'syncing' }));
    await until('all are renewed', () => second.sink.counters.renewed >= 6);
    expect(await inRegistry(registry, all)).toBe(3);
    expect(second.sink.counters).toMatchObject({ registered: 0, withdrawn: 0 });
    second.say(snapshotOf(all.slice(1))); // only now it is known that one is gone
    await until('it is withdrawn', async () => (await inRegistry(registry, all)) === 2);
  });

  test('with a ledger that was lost nothing is withdrawn before the source has been read', async () => {
    const registry = new MemoryRegistry();
    const all = services(2);
    const first = line(registry);
    first.say(snapshotOf(all));
    await until('both are published', async () => (await inRegistry(registry, all)) === 2);
    await first.stop();
    const second = line(registry);
    second.say(snapshotOf(all));
    await until('both are renewed', () => second.sink.counters.renewed >= 2);
    expect(second.sink.counters.withdrawn).toBe(0);
  });

  test('of two hosts that would have one name the first has it; when it goes the other one does', async () => {
    const registry = new MemoryRegistry();
    const { say, publisher } = line(registry, undefined, [{ ...CONFIG, name: 'shared' }]);
    const [a, b] = services(2) as [ServiceRecord, ServiceRecord];
    say(snapshotOf([a, b]));
    const first = async () => (await registry.seen('shared')).map((i) => i.address).join();
    await until('the first host has it', async () => (await first()) === '10.0.0.1');
    expect(publisher.losersOf(TO, '//shared')).toEqual(['s1.test']);
    say({ kind: 'remove', key: a.key });
    await until('the second host has it', async () => (await first()) === '10.0.0.2');
    expect(publisher.losersOf(TO, '//shared')).toEqual([]);
  });

  test('a change of one service is the work of one, however many there are', async () => {
    const registry = new MemoryRegistry();
    const { say, sink } = line(registry, undefined, [{ ...CONFIG, ttlMs: 60_000 }]);
    const all = services(200);
    say(snapshotOf(all));
    await until('all are published', () => sink.counters.registered === 200);
    await until('nothing is left to do', () => [...sink.publications()].every((p) => p.state === 'published'));
    const before = registry.calls.length;
    say({ kind: 'upsert', service: record('s7', [endpoint({ address: '10.0.0.8', weight: 3 })]) });
    await until('it is changed', async () => (await registry.seen('s7'))[0]?.weight === 3);
    expect(registry.calls.slice(before)).toEqual(['list s7', 'register s7 10.0.0.8 8080']);
  });

  test('a name that the registry refuses fails alone, with the reason, and is tried again', async () => {
    const registry = new MemoryRegistry();
    registry.forbidden.add('s1');
    const { say, sink } = line(registry);
    const all = services(3);
    say(snapshotOf(all));
    await until('the others are published', async () => (await inRegistry(registry, all)) === 2);
    await until('it is told', () => sink.publication('//s1')?.state === 'failed');
    expect(sink.publication('//s1')?.cause).toContain('permission denied for s1');
    expect(sink.status.state).toBe('live');
    registry.forbidden.clear();
    await until('then it is published too', async () => (await inRegistry(registry, all)) === 3);
  });
});

describe('a gateway that is published', () => {
  const gateway: PublishConfig = { ...CONFIG, address: 'gateway', gateways: [{ address: '10.9.0.1', port: 80 }] };
  const orders = (...health: readonly Endpoint['health'][]) =>
    record(
      'orders',
      health.map((each, n) => endpoint({ address: `10.0.0.${n + 1}`, health: each })),
    );
  const up = upsert(orders('unhealthy', 'healthy'));
  const down = upsert(orders('unhealthy', 'disabled'));
  const stale = status({ state: 'stale', since: 0, cause: 'no answer' });
  async function open(registry: MemoryRegistry, ledger = new MemoryLedger()) {
    const made = line(registry, ledger, [gateway]);
    made.say(snapshotOf([orders('healthy', 'healthy')]));
    made.say(status({ state: 'live' }));
    await isThere(registry);
    return waiting(made);
  }
  const waiting = (made: ReturnType<typeof line>) => ({
    ...made,
    wait: (ms: number) => ((made.clock.time += ms), made.publish(made.publisher.idle.due())),
  });
  const isThere = (registry: MemoryRegistry) =>
    until('it is published', async () => (await registry.seen('orders')).map(({ address }) => address).join() === '10.9.0.1');
  const isGone = (registry: MemoryRegistry) => until('it is gone', async () => (await registry.seen('orders')).length === 0);

  test('stays while one instance takes traffic, goes with the last, and is back with the first', async () => {
    const registry = new MemoryRegistry();
    const { say, sink } = await open(registry);
    say(up);
    const { renewed } = sink.counters;
    await until('the sink has had its turn', () => sink.counters.renewed > renewed);
    expect([sink.counters.withdrawn, await registry.seen('orders')]).toEqual([0, [expect.anything()]]);
    say(down);
    await isGone(registry);
    say(up);
    await isThere(registry);
  });

  test('stays while its registry is not followed, whatever else says that nobody takes traffic', async () => {
    const registry = new MemoryRegistry();
    const { say, wait, sink, publisher } = await open(registry);
    say(stale);
    say(down);
    wait(600_000);
    const { renewed } = sink.counters;
    await until('the sink has had its turn', () => sink.counters.renewed > renewed);
    expect([sink.counters.withdrawn, publisher.idle.waits]).toEqual([0, true]);
    say(status({ state: 'live' }));
    wait(0);
    await isGone(registry);
    expect(publisher.idle.waits).toBe(false);
  });

  test('is not waited for once no rule takes its host', () => {
    const { catalog, publisher, say } = line(new MemoryRegistry(), new MemoryLedger(), [{ ...gateway, services: ['a/*'] }]);
    say(snapshotOf([orders('healthy')]));
    say(stale);
    say(down);
    expect(publisher.idle.waits).toBe(true);
    const host = 'orders.test' as MeshHost;
    publisher.publish(host, { ...catalog.merged(host)!, origins: ['b/ns/g/orders' as ServiceId] });
    expect([publisher.idle.waits, publisher.claimsOf(host)]).toEqual([false, []]);
  });

  test('goes later where its instances come and go: from the third time on, as instances themselves', async () => {
    const registry = new MemoryRegistry();
    const { say, wait, publisher } = await open(registry);
    for (let times = 0; times < 2; times += 1) {
      say(down);
      await isGone(registry);
      say(up);
      await isThere(registry);
    }
    say(down);
    wait(9_000);
    expect([await registry.seen('orders'), publisher.idle.waits]).toEqual([[expect.anything()], true]);
    say(up);
    wait(60_000);
    expect([await registry.seen('orders'), publisher.idle.waits]).toEqual([[expect.anything()], false]);
    say(down);
    wait(20_000);
    await isGone(registry);
  });

  describe('over a change of the config', () => {
    const elsewhere: PublishConfig = { ...gateway, gateways: [{ address: '10.9.0.2', port: 80 }] };
    /** It went twice, and nobody takes traffic once more when the config changes. */
    async function changed(config: PublishConfig) {
      const registry = new MemoryRegistry();
      const ledger = new MemoryLedger();
      const first = await open(registry, ledger);
      for (let times = 0; times < 2; times += 1) {
        first.say(down);
        await isGone(registry);
        first.say(up);
        await isThere(registry);
      }
      first.say(down);
      first.wait(6_000);
      await first.stop();
      return { registry, ...waiting(line(registry, ledger, [config], first)) };
    }
    const addresses = async (registry: MemoryRegistry) => (await registry.seen('orders')).map(({ address }) => address);

    test('waits as long as it has to, not before its registry is followed', async () => {
      const { registry, say, wait, sink, publisher } = await changed(gateway);
      wait(60_000);
      await until('the sink has had its turn', () => sink.counters.renewed > 0);
      expect([await addresses(registry), publisher.idle.waits]).toEqual([['10.9.0.1'], true]);
      say(snapshotOf([orders('unhealthy', 'disabled')]));
      say(status({ state: 'live' }));
      wait(0);
      await isGone(registry);
    });

    test('waits for the rest of its time', async () => {
      const { registry, say, wait, sink } = await changed(gateway);
      say(snapshotOf([orders('unhealthy', 'disabled')]));
      say(status({ state: 'live' }));
      wait(3_000);
      await until('the sink has had its turn', () => sink.counters.renewed > 0);
      expect(await addresses(registry)).toEqual(['10.9.0.1']);
      wait(2_000);
      await isGone(registry);
    });

    test('is waited for no more where the config publishes nothing any more', async () => {
      const { publisher } = await changed(gateway);
      const { flap } = DEFAULT_GUARD;
      const deps = { clock: { now: () => 0 }, flap, isFollowed: () => true, before: publisher.idle };
      const waits = (...to: readonly SourceId[]): boolean =>
        new SinkPublisher([], new Map(to.map((id) => [id, {} as RegistrySink])), deps).idle.waits;
      expect([waits(TO), waits()]).toEqual([true, false]);
    });

    test('is at the address that the config says now, and is counted on', async () => {
      const { registry, say, wait, publisher } = await changed(elsewhere);
      say(snapshotOf([orders('unhealthy', 'healthy')]));
      say(status({ state: 'live' }));
      await until('it is elsewhere', async () => (await addresses(registry)).join() === '10.9.0.2');
      say(down);
      wait(15_000);
      expect([await addresses(registry), publisher.idle.waits]).toEqual([['10.9.0.2'], true]);
      wait(10_000);
      await isGone(registry);
    });
  });
});
