import { describe, expect, test } from '@jest/globals';
import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { endpoint, record, snapshotOf } from '@isthmus/catalog/testing';
import { positionOf } from '@isthmus/ladder';
import type { Rung } from '@isthmus/ladder';
import { MemoryLedger } from '@isthmus/ledger';
import type { Ledger, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import { EventChannel } from '@isthmus/registry';
import type { RegistrySource } from '@isthmus/registry';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, MCP_TYPES, ROUTE_TYPE, SERVICE_ENTRY_TYPE } from '@isthmus/translate';
import { CDS, EDS, LDS, RDS, SnapshotStore } from '@isthmus/xds';
import fc from 'fast-check';
import { Pipeline } from './pipeline.ts';
import { McpPublisher } from './pipeline/mcp-publisher.ts';
import { Pacer } from './pipeline/pacer.ts';
import { SinkPublisher } from './pipeline/sink-publisher.ts';
import { callersOf } from './mesh/callers.ts';
import { openMesh } from './mesh/open-mesh.ts';

const CALLERS = { namespaces: ['shop'], rootNamespace: 'istio-system', areOldest: true };

/** A source that says what the test tells it to. */
function fakeSource(id: string): RegistrySource & { say(event: SourceEvent): void } {
  const channel = new EventChannel();
  return { id: id as SourceId, say: (event) => channel.push(event), watch: (signal) => channel.read(signal) };
}

function line(
  ledger: Ledger = new MemoryLedger(),
  sources?: readonly RegistrySource[],
  onSourceError = (_: SourceId, error: unknown): void => {
    throw error;
  },
  told: { onFailed(host: string, error: unknown): void; onWorked(host: string): void } = {
    onFailed: (_, error) => {
      throw error;
    },
    onWorked: () => undefined,
  },
) {
  const source = fakeSource('a');
  const stop = new AbortController();
  const mesh = openMesh();
  const xds = mesh.publisher.store;
  const mcp = new SnapshotStore(MCP_TYPES);
  let applied = 0;
  const catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: { ...DEFAULT_GUARD, maxRemovalPercent: 100, flap: { ...DEFAULT_GUARD.flap, count: 0 } },
    ledger,
    clock: { now: () => 0 },
    allocateVips: true,
  });
  const pipeline = new Pipeline({
    sources: sources ?? [source],
    catalog,
    mesh: mesh.publisher,
    mcp: { publisher: new McpPublisher(), store: mcp, callers: (host) => callersOf(mesh.publisher, host, CALLERS) },
    sinks: new SinkPublisher([], new Map(), { clock: { now: () => 0 }, flap: DEFAULT_GUARD.flap, isFollowed: () => true }),
    onTouched: () => undefined,
    pacer: new Pacer(),
    onApplied: () => (applied += 1),
    onSourceError,
    ...told,
  });
  const running = pipeline.run(stop.signal);
  return {
    xds,
    mcp,
    mesh,
    pipeline,
    catalog,
    async say(...events: SourceEvent[]) {
      const until = applied + new Set(events.map((e) => (e.kind === 'upsert' ? e.service.key.name : e))).size;
      for (const event of events) source.say(event);
      while (applied < until) await new Promise((resolve) => setImmediate(resolve));
      await pipeline.settled();
    },
    content: () => ({ xds: contentOf(xds, [CDS, EDS, LDS, RDS]), mcp: contentOf(mcp, MCP_TYPES) }),
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** Names, versions and bytes, and the version of each type. */
function contentOf(store: SnapshotStore, types: readonly string[]) {
  return types.map((type) => {
    const resources = [...store.resources(type).values()].map((r) => [
      r.name,
      r.version,
      Buffer.from(r.bytes).toString('base64'),
    ]);
    return { type, version: store.version(type), resources: resources.sort() };
  });
}

const upsert = (service: ServiceRecord): SourceEvent => ({ kind: 'upsert', service });

describe('the pipeline', () => {
  test('brings what a registry says into clusters, endpoints, the route and ServiceEntries', async () => {
    const l = line();
    await l.say(snapshotOf([record('orders', [endpoint({ port: 8080 })])]));
    expect([...l.xds.resources(CLUSTER_TYPE).keys()]).toEqual(['outbound|80||orders.test']);
    expect([...l.xds.resources(ENDPOINT_TYPE).keys()]).toEqual(['outbound|80||orders.test']);
    expect([...l.xds.resources(ROUTE_TYPE).keys()]).toEqual([EGRESS_ROUTE]);
    expect(l.mcp.resources(SERVICE_ENTRY_TYPE).size).toBe(1);
    await l.say({ kind: 'remove', key: record('orders', []).key });
    expect(l.xds.resources(CLUSTER_TYPE).size).toBe(0);
    expect(l.mcp.resources(SERVICE_ENTRY_TYPE).size).toBe(0);
    await l.stop();
  });

  test('what a plan leaves to callers goes to istiod with the plan’s steps, and an endpoint change touches none of it', async () => {
    const l = line();
    const planned = async (rung: Rung | undefined): Promise<readonly string[]> => {
      const target = { host: 'orders.test', port: 80 };
      const position = rung === undefined ? undefined : positionOf(rung);
      l.mesh.publisher.queuePositions([{ consumers: ['web'], target, position }]);
      l.pipeline.takeRules([]);
      await l.pipeline.settled();
      return [...l.mcp.resources('networking.istio.io/v1/VirtualService').values()].map((r) => `${r.name} ${r.version}`);
    };
    l.mesh.publisher.rulesWereRead();
    await l.say(snapshotOf([record('orders', [endpoint({ port: 8080 })])]));
    const traffic = await planned('traffic');
    expect(traffic).toEqual([expect.stringMatching(/^shop\/callers-of\.orders\.test /)]);
    const version = l.mcp.version('networking.istio.io/v1/VirtualService');
    await l.say(upsert(record('orders', [endpoint({ port: 8081 })])));
    expect(l.mcp.version('networking.istio.io/v1/VirtualService')).toBe(version);
    expect(await planned('resilience')).not.toEqual(traffic);
    expect(await planned('traffic')).toEqual(traffic);
    expect(await planned(undefined)).toEqual([]);
    await planned('traffic');
    await l.say({ kind: 'remove', key: record('orders', []).key });
    expect(l.mcp.resources('networking.istio.io/v1/VirtualService').size).toBe(0);
    await l.stop();
  });

  test('an endpoint change touches one endpoint resource and nothing else of Envoy', async () => {
    const l = line();
    await l.say(snapshotOf(Array.from({ length: 50 }, (_, n) => record(`s${n}`, [endpoint({ port: 8080 })]))));
    const changed: string[] = [];
    l.xds.subscribe((change) => {
      for (const [type, names] of change.changed) for (const name of names.keys()) changed.push(`${type} ${name}`);
    });
    await l.say(upsert(record('s7', [endpoint({ port: 8080 }), endpoint({ port: 8081 })])));
    expect(changed).toEqual([`${ENDPOINT_TYPE} outbound|80||s7.test`]);
    await l.stop();
  });

  test('a burst is one push of the route, not one per service', async () => {
    const l = line();
    await l.say(snapshotOf([record('first', [endpoint()])]));
    let routes = 0;
    l.xds.subscribe((change) => {
      if (change.changed.has(ROUTE_TYPE)) routes += 1;
    });
    await l.say(...Array.from({ length: 300 }, (_, n) => upsert(record(`s${n}`, [endpoint()]))));
    expect(l.xds.resources(CLUSTER_TYPE).size).toBe(301);
    expect(routes).toBeLessThan(30);
    await l.stop();
  });

  test('a source that throws is reported and costs the others nothing', async () => {
    const good = fakeSource('a');
    const bad: RegistrySource = {
      id: 'b' as SourceId,
      // oxlint-disable-next-line require-yield -- it fails before it has anything to say
      async *watch() {
        throw new Error('a bug in a source');
      },
    };
    const failures: unknown[] = [];
    const l = line(new MemoryLedger(), [good, bad], (source, error) => failures.push([source, (error as Error).message]));
    good.say(upsert(record('orders', [endpoint()])));
    while (l.xds.resources(CLUSTER_TYPE).size === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toEqual([['b', 'a bug in a source']]);
    await l.stop();
  });

  test('law: incremental = full recompute, byte for byte at equal ledger content', async () => {
    const protocol = fc.constantFrom('http', 'grpc', 'tcp');
    const instance = fc
      .tuple(fc.integer({ min: 1, max: 4 }), protocol, fc.integer({ min: 0, max: 2 }), fc.boolean())
      .map(([port, p, weight, dns]) =>
        endpoint({
          port,
          protocol: p as 'http',
          weight,
          ...(dns ? { address: 'db.internal', addressType: 'dns' as const } : {}),
        }),
      );
    const service = fc
      .tuple(
        fc.constantFrom('x', 'y', 'z'),
        fc.uniqueArray(instance, { selector: (e) => `${e.address} ${e.port}`, maxLength: 4 }),
      )
      .map(([name, endpoints]) => record(name, endpoints));
    const event: fc.Arbitrary<SourceEvent> = fc.oneof(
      service.map(upsert),
      service.map((s): SourceEvent => ({ kind: 'remove', key: s.key })),
      fc.uniqueArray(service, { selector: (s) => s.key.name }).map(snapshotOf),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 15 }), async (events) => {
        const ledger = new MemoryLedger();
        const incremental = line(ledger);
        for (const e of events) await incremental.say(e);
        const full = line(ledger);
        const known = [...incremental.catalog.scopes()].flatMap((s) => [...s.records.values()].map((r) => r.record));
        await full.say(snapshotOf(known.reverse()));
        expect(incremental.content()).toEqual(full.content());
        await Promise.all([incremental.stop(), full.stop()]);
      }),
      { numRuns: 60 },
    );
  });
});
