import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { endpoint, record, workload, workloadSnapshot } from '@isthmus/catalog/testing';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { scopeOf, serviceId } from '@isthmus/model';
import type { ServiceRecord, SourceEvent, SourceId, WorkloadEvent } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { EventChannel } from '@isthmus/registry';
import type { RegistryKind } from '@isthmus/registry';
import { ENDPOINT_TYPE, SERVICE_ENTRY_TYPE } from '@isthmus/translate';
import { z } from 'zod';
import { explain } from '../control/explain.ts';
import { diffViews, heldLivenessViews, livenessDiagnostics } from '../control/liveness-views.ts';
import { Engine } from '../engine/engine.ts';

/** A feed that a test speaks through. */
class Feed {
  readonly #waiting: WorkloadEvent[] = [];
  #wake: () => void = () => undefined;

  say(...events: readonly WorkloadEvent[]): void {
    this.#waiting.push(...events);
    this.#wake();
  }

  async *read(signal: AbortSignal): AsyncGenerator<WorkloadEvent> {
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      const event = this.#waiting.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const live: WorkloadEvent = { kind: 'status', status: { state: 'live' } };
const pod = (n: number, fields = {}) => workload(`orders-${n}`, { addresses: [`10.0.0.${n}`], ...fields });
const orders = (...addresses: readonly string[]) =>
  record(
    'orders',
    addresses.map((address) => endpoint({ address })),
  );

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The engine of the bridge, on registries `a` and `k8s` that say what the test tells them to. */
async function start(more: string) {
  const channels = new Map([
    ['a', new EventChannel()],
    ['k8s', new EventChannel()],
  ]);
  const feed = new Feed();
  const kind = (name: string, knowsWorkloads: boolean): RegistryKind => ({
    kind: name,
    schema: z.object({ name: z.string(), kind: z.literal(name) }),
    ...(knowsWorkloads ? { knowsWorkloads: true as const } : {}),
    createSource: (id) => ({
      id,
      watch: (signal) => (channels.get(id) as EventChannel).read(signal),
      ...(knowsWorkloads ? { workloads: (signal: AbortSignal) => feed.read(signal) } : {}),
    }),
    doctor: async () => [],
  });
  const text = `version: 1
meshId: test
registries: [{ name: a, kind: plain }, { name: k8s, kind: cluster }]
outputs: { xds: { listen: '127.0.0.1:0' }, mcp: { listen: '127.0.0.1:0' } }
${more}`;
  const parsed = parseConfig('isthmus.yaml', new TextEncoder().encode(text), {
    kinds: [kind('plain', false), kind('cluster', true)],
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-liveness-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const engine = new Engine(parsed.config, await FileLedger.open(directory));
  closers.push(() => engine.stop());
  engine.start();
  const say = (source: string, ...events: readonly SourceEvent[]) => {
    for (const event of events) channels.get(source)?.push(event);
  };
  const lists = (listed: ServiceRecord) =>
    say(
      listed.key.source,
      { kind: 'snapshot', scope: scopeOf(listed.key), services: new Map([[serviceId(listed.key), listed]]) },
      { kind: 'status', scope: scopeOf(listed.key), status: { state: 'live' } },
    );
  /** The bytes of an output hold the address as text. */
  const has = (store: Engine['xds'], type: string, address: string) =>
    [...store.resources(type).values()].some(({ bytes }) => Buffer.from(bytes).includes(address));
  const serves = (address: string) => ({
    xds: has(engine.xds, ENDPOINT_TYPE, address),
    mcp: has(engine.mcp, SERVICE_ENTRY_TYPE, address),
  });
  return { engine, feed, say, lists, until, serves };
}

const everywhere = { xds: true, mcp: true };
const nowhere = { xds: false, mcp: false };

describe('dead endpoints (nacos#12707, nacos#7297)', () => {
  test('leave every output while the registry still lists them, and are explained', async () => {
    const { engine, feed, lists, until, serves } = await start('');
    lists(orders('10.0.0.1', '10.0.0.2'));
    feed.say(workloadSnapshot([pod(1), pod(2)]), live);
    await until('both are served', () => serves('10.0.0.1').mcp && serves('10.0.0.2').xds);
    feed.say({ kind: 'remove', id: 'shop/orders-1' });
    await until('the dead one is in no output', () => JSON.stringify(serves('10.0.0.1')) === JSON.stringify(nowhere));
    expect(serves('10.0.0.2')).toEqual(everywhere);
    const [match] = explain(engine, '10.0.0.1').matches;
    expect(match?.leftOut).toEqual([
      {
        address: '10.0.0.1',
        port: 8080,
        service: 'a/ns/g/orders',
        reason: expect.stringMatching(/^evicted: Pod shop\/orders-1 is gone since 20/),
      },
    ]);
    expect(match?.origins[0]?.endpoints.map((e) => [e.address, e.health, e.takesTraffic])).toEqual([
      ['10.0.0.1', 'evicted', false],
      ['10.0.0.2', 'healthy', true],
    ]);
    expect([...livenessDiagnostics(engine)].map((d) => d.code)).toEqual(['endpoint.evicted']);
    feed.say({ kind: 'upsert', workload: pod(1) });
    await until('it is back', () => serves('10.0.0.1').xds && serves('10.0.0.1').mcp);
  });

  test('are kept, and said to be unknown, while the Pods are not known', async () => {
    const { engine, feed, lists, until, serves } = await start('');
    lists(orders('10.0.0.1'));
    feed.say(workloadSnapshot([]));
    await until('it is served', () => serves('10.0.0.1').mcp);
    expect([...livenessDiagnostics(engine)].map((d) => d.code)).toEqual(['workloads.unknown']);
  });

  test('beyond the guard are held, shown under an id of their own, and let through by it', async () => {
    const { engine, feed, lists, until, serves } = await start(
      'liveness: { kubernetes: [{ registry: k8s, podCidrs: [10.0.0.0/16] }] }',
    );
    lists(orders(...Array.from({ length: 20 }, (_, n) => `10.0.1.${n}`)));
    feed.say(workloadSnapshot([]), live);
    await until('it is held', () => heldLivenessViews(engine).length === 1);
    expect(heldLivenessViews(engine)).toMatchObject([
      { scope: 'evictions:a/ns/g', removing: 20, of: 20, services: ['a/ns/g/orders'] },
    ]);
    // Held before it was published at all: it is, all the same.
    await until('the held ones are served', () => serves('10.0.1.7').xds && serves('10.0.1.7').mcp);
    expect(await engine.release('a/ns/g')).toBeUndefined();
    expect(await engine.release('evictions:a/ns/g')).toBe(20);
    await until('all are gone', () => !serves('10.0.1.7').xds && !serves('10.0.1.7').mcp);
  });

  test('make room for a Ready Pod that the registry does not list yet', async () => {
    const { feed, lists, until, serves } = await start(
      "liveness: { kubernetes: [{ registry: k8s, admit: [{ services: ['a/*'], namespaces: [shop], port: http }] }] }",
    );
    lists(orders('10.0.0.1'));
    feed.say(workloadSnapshot([pod(1)]), live, {
      kind: 'upsert',
      workload: pod(2, { ports: [{ name: 'http', port: 8080 }] }),
    });
    await until('the new one is served', () => serves('10.0.0.2').xds && serves('10.0.0.2').mcp);
    feed.say({ kind: 'remove', id: 'shop/orders-2' });
    await until('it is gone with its Pod', () => !serves('10.0.0.2').xds && !serves('10.0.0.2').mcp);
    expect(serves('10.0.0.1')).toEqual(everywhere);
  });
});

describe('a service in the registry and in Kubernetes', () => {
  test('is one, by the policy, and the two are compared', async () => {
    const { engine, lists, until, serves } = await start(
      "merge: { kubernetes: [{ services: 'a/*', kubernetes: 'k8s/shop/{name}', policy: kubernetes }] }",
    );
    lists(orders('10.0.0.1', '10.0.0.2'));
    const base = record('orders', [endpoint({ address: '10.0.0.2' }), endpoint({ address: '10.0.0.3' })], { source: 'k8s' });
    lists({
      ...base,
      key: { source: 'k8s' as SourceId, namespace: 'shop', group: '', name: 'orders' },
      host: 'orders.shop' as never,
    });
    await until('callers get those of Kubernetes', () => serves('10.0.0.3').xds && !serves('10.0.0.1').xds);
    expect(diffViews(engine, 'orders')).toEqual([
      {
        host: 'orders.test',
        registry: 'a/ns/g/orders',
        kubernetes: 'k8s/shop//orders',
        missing: false,
        policy: 'kubernetes',
        differences: [
          { kind: 'only-registry', at: '10.0.0.1:8080' },
          { kind: 'only-kubernetes', at: '10.0.0.3:8080' },
        ],
      },
    ]);
    expect(diffViews(engine, 'payments')).toEqual([]);
    const [own] = explain(engine, 'orders.shop').matches;
    expect(own?.leftOut[0]?.reason).toBe('merge.kubernetes: it is one service with a/ns/g/orders');
  });
});

describe('active checks', () => {
  test('take out what does not answer, only where they may connect, and bring it back', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => other.close(resolve)));
    const { engine, lists, until } = await start(`liveness:
  kubernetes: []
  checks:
    - { name: vms, services: ['a/*'], type: tcp, targets: [127.0.0.1/32], interval: 1s, unhealthy: 1, healthy: 1 }`);
    const there = [
      endpoint({ address: '127.0.0.1', port }),
      endpoint({ address: '127.0.0.1', port: (other.address() as AddressInfo).port }),
      endpoint({ address: '127.0.0.2', port: 1 }), // beyond targets: never called
    ];
    lists(record('orders', there));
    const health = (of: number) =>
      engine.catalog.merged('orders.test' as never)?.endpoints.find((e) => e.endpoint.port === of)?.endpoint.health;
    await until('both are checked', () => engine.liveness.checks.verdicts.counts()[0]?.checked === 2);
    await new Promise((resolve) => server.close(resolve));
    await until('the one that ended is out', () => health(port) === 'unhealthy');
    expect(health(1)).toBe('healthy');
    expect(explain(engine, 'orders.test').matches[0]?.leftOut).toMatchObject([
      { port, reason: expect.stringMatching(/^check vms: connection refused/) },
    ]);
    await engine.reconfigure(engine.config);
    // From the ledger, before any check of the new ones was made.
    expect(health(port)).toBe('unhealthy');
    expect(engine.liveness.checks.counts()[0]).toMatchObject({ targets: 2, checks: 0 });
    const again = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => again.listen(port, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => again.close(resolve)));
    await until('it is back', () => health(port) === 'healthy');
  }, 30_000);
});
