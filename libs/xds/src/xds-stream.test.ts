import { describe, expect, test } from '@jest/globals';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '@isthmus/proto/discovery';
import { ClusterSchema } from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import { LARGE_MESSAGE, SendBudget } from './send-budget.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { StreamOptions } from './stream-options.ts';
import { ADS, MCP } from './stream-profile.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';
import type { XdsEvent } from './xds-event.ts';
import { XdsStream } from './xds-stream.ts';

const SHORT = new Map([CDS, EDS, LDS, RDS].map((type, i) => [type, ['CDS', 'EDS', 'LDS', 'RDS'][i]!]));

interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly versionInfo: string;
  readonly names: string;
}

/** A stream on a wire that the test holds: time, timers and the reading of messages included. */
class Wire {
  readonly store = new SnapshotStore([CDS, EDS, LDS, RDS]);
  readonly responses: Response[] = [];
  readonly events: XdsEvent[] = [];
  readonly undrained: (() => void)[] = [];
  ended: { code: number; message: string } | undefined;
  now = 1_000;
  reads = true;
  #timers: { at: number; run: () => void }[] = [];
  readonly #taken = { count: 0 };
  readonly transport: 'sotw' | 'delta';
  readonly stream: XdsStream;

  constructor(transport: 'sotw' | 'delta', more: Partial<StreamOptions> = {}) {
    this.transport = transport;
    this.stream = new XdsStream({
      profile: ADS,
      transport,
      onlyType: undefined,
      provider: { viewFor: () => this.store },
      budget: new SendBudget(),
      id: 's',
      maxNames: 100,
      clock: { now: () => this.now },
      timers: { after: (ms, run) => this.#after(ms, run) },
      onEvent: (event) => this.events.push(event),
      channel: {
        address: '127.0.0.1:1',
        send: (message, done) => {
          this.responses.push(this.#decode(message));
          if (this.reads) done();
          else this.undrained.push(done);
        },
        end: (code, message) => void (this.ended = { code, message }),
      },
      ...more,
    });
  }

  open(): this {
    this.stream.open();
    return this;
  }

  ask(typeUrl: string, names: string[] = [], nonce = '', error?: string): void {
    const node = { id: 'web', cluster: 'c' };
    const errorDetail = error === undefined ? {} : { errorDetail: { code: 13, message: error } };
    const bytes =
      this.transport === 'sotw'
        ? toBinary(
            DiscoveryRequestSchema,
            create(DiscoveryRequestSchema, { node, typeUrl, resourceNames: names, responseNonce: nonce, ...errorDetail }),
          )
        : toBinary(
            DeltaDiscoveryRequestSchema,
            create(DeltaDiscoveryRequestSchema, {
              node,
              typeUrl,
              resourceNamesSubscribe: names,
              responseNonce: nonce,
              ...errorDetail,
            }),
          );
    this.stream.receive(bytes);
  }

  /** Answers the last response of the type. */
  ack(type: string, names: string[] = [], error?: string): void {
    const last = this.responses.findLast((response) => response.typeUrl === type)!;
    this.ask(type, this.transport === 'sotw' ? names : [], last.nonce, error);
  }

  /** `CDS a,b` for each response that came since the last call. */
  pushes(): string[] {
    const fresh = this.responses.slice(this.#taken.count);
    this.#taken.count = this.responses.length;
    return fresh.map(({ typeUrl, names }) => `${SHORT.get(typeUrl) ?? typeUrl} ${names}`.trim());
  }

  commit(...changes: [type: string, name: string, version?: string | undefined | Resource][]): void {
    this.store.commit(
      changes.map(([type, name, version]) => ({
        type,
        name,
        resource: typeof version === 'string' ? of(type, name, version) : version,
      })),
    );
  }

  pass(ms: number): void {
    this.now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.now);
    for (const { run } of due) run();
  }

  #after(ms: number, run: () => void): () => void {
    const timer = { at: this.now + ms, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  #decode(message: Buffer): Response {
    if (this.transport === 'sotw') {
      const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, message);
      return {
        typeUrl,
        nonce,
        versionInfo,
        names: resources.map(({ value }) => Buffer.from(value).toString('latin1').slice(2, 3)).join(),
      };
    }
    const { typeUrl, nonce, systemVersionInfo, resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, message);
    const names = [...resources.map(({ name }) => name), ...removedResources.map((name) => `-${name}`)].join();
    return { typeUrl, nonce, versionInfo: systemVersionInfo, names };
  }
}

/** All types have their name in field 1, so that one-letter names are the third byte. */
function of(_type: string, name: string, version: string, size = 0): Resource {
  const bytes = toBinary(ClusterSchema, create(ClusterSchema, { name, altStatName: `${version}${'x'.repeat(size)}` }));
  return { name, version, bytes };
}

/** Clusters a and b with their endpoints, one listener, one route; connected and settled as an Envoy would be. */
function settled(transport: 'sotw' | 'delta'): Wire {
  const wire = new Wire(transport).open();
  wire.commit([CDS, 'a', '1'], [CDS, 'b', '1'], [EDS, 'a', '1'], [EDS, 'b', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
  wire.ask(CDS);
  wire.ack(CDS);
  wire.ask(EDS, ['a', 'b']);
  wire.ack(EDS, ['a', 'b']);
  wire.ask(LDS);
  wire.ack(LDS);
  wire.ask(RDS, ['r']);
  wire.ack(RDS, ['r']);
  expect(wire.pushes()).toEqual(['CDS a,b', 'EDS a,b', 'LDS l', 'RDS r']);
  return wire;
}

describe.each(['sotw', 'delta'] as const)('a stream (%s)', (transport) => {
  test('pushes a change before commit returns, and only to who wants it', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2'], [EDS, 'unwanted', '1']);
    expect(wire.pushes()).toEqual(['EDS a']);
    expect(wire.responses.at(-1)!.versionInfo).toBe(wire.store.version(EDS));
  });

  test('sends clusters, then their endpoints, and listeners and routes when the clusters are accepted', () => {
    const wire = settled(transport);
    wire.commit([RDS, 'r', '2'], [LDS, 'l', '2'], [EDS, 'a', '2'], [CDS, 'a', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS a', 'EDS a']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('takes a cluster away when the routes without it are accepted', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    expect(wire.pushes()).toEqual(['RDS r']);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(transport === 'sotw' ? ['CDS a'] : ['CDS -b', 'EDS -b']);
  });

  test('keeps a removed cluster for a client that rejected the routes without it', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b'], [RDS, 'r', '2']);
    wire.ack(RDS, ['r'], 'bad route');
    expect(wire.pushes()).toEqual(['RDS r']);
    wire.commit([RDS, 'r', '3']);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(['RDS r', transport === 'sotw' ? 'CDS a' : 'CDS -b']);
  });

  test('takes a cluster away at once when no route has changed', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a' : 'CDS -b']);
  });

  test('sends a changed cluster’s endpoints again, so that it stops warming (envoy#13009)', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'a', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS a', 'EDS a']);
  });

  test('sends a reconnecting client’s endpoints after its clusters, in whatever order it asks (envoy#33607)', () => {
    const wire = new Wire(transport);
    wire.commit([CDS, 'a', '1'], [EDS, 'a', '1']);
    wire.ask(EDS, ['a']);
    wire.ask(CDS);
    wire.open();
    expect(wire.pushes()).toEqual(['CDS a', 'EDS a']);
    const late = new Wire(transport).open();
    late.commit([CDS, 'a', '1'], [EDS, 'a', '1']);
    late.ask(EDS, ['a']);
    late.ask(CDS);
    late.ack(EDS, ['a']);
    expect(late.pushes()).toEqual(['EDS a', 'CDS a', 'EDS a']);
  });

  test('lets routes go after five seconds although clusters still warm', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'c', '1'], [RDS, 'r', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b,c' : 'CDS c']);
    wire.pass(4_999);
    expect(wire.pushes()).toEqual([]);
    wire.pass(1);
    expect(wire.pushes()).toEqual(['RDS r']);
  });

  test('lets routes go under a steady stream of new clusters', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'c', '1'], [RDS, 'r', '2']);
    wire.commit([CDS, 'd', '1']);
    wire.ack(CDS);
    wire.commit([CDS, 'e', '1']);
    expect(wire.pushes().filter((push) => push.startsWith('RDS'))).toEqual([]);
    wire.ack(CDS);
    expect(wire.pushes().at(-1)).toBe('RDS r');
  });

  test('answers nothing before it is opened, and then everything at once', () => {
    const wire = new Wire(transport);
    wire.ask(CDS);
    wire.commit([CDS, 'a', '1']);
    expect(wire.pushes()).toEqual([]);
    wire.open();
    expect(wire.pushes()).toEqual(['CDS a']);
  });

  test('tells what was sent, taken and rejected', () => {
    const wire = settled(transport);
    const before = wire.store.version(LDS);
    wire.commit([LDS, 'l', '2']);
    wire.now = 5_000;
    wire.ack(LDS, [], 'listener l: bad');
    const nack = { at: 5_000, message: 'listener l: bad', version: wire.store.version(LDS) };
    expect(wire.stream.status()).toMatchObject({ node: 'web', cluster: 'c', address: '127.0.0.1:1', since: 1_000, transport });
    expect(wire.stream.status()!.types).toEqual([
      expect.objectContaining({ type: CDS, wildcard: true, subscribed: 0, nack: undefined }),
      expect.objectContaining({ type: EDS, wildcard: false, subscribed: 2 }),
      { type: LDS, wildcard: true, subscribed: 0, sent: wire.store.version(LDS), acked: before, nack },
      expect.objectContaining({ type: RDS, subscribed: 1 }),
    ]);
    expect(wire.events.at(-1)).toEqual({ kind: 'nacked', node: 'web', type: LDS, version: nack.version, message: nack.message });
    wire.commit([LDS, 'l', '3']);
    wire.ack(LDS);
    expect(wire.stream.status()!.types[2]!.nack).toBeUndefined();
  });

  test('tells the names and versions that a client has, and what is still to come', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2']);
    wire.commit([EDS, 'a', '3']);
    expect(wire.stream.config()!.types[1]).toEqual({
      type: EDS,
      version: wire.store.version(EDS),
      resources: [
        { name: 'a', version: '3', pending: true },
        { name: 'b', version: '1', pending: false },
      ],
    });
  });

  test('ends with a reason for what it cannot serve', () => {
    const garbage = new Wire(transport).open();
    garbage.stream.receive(Buffer.from([0xff, 0xff]));
    expect(garbage.ended).toMatchObject({ code: 3, message: expect.stringContaining(`no ${transport} discovery request`) });
    const anonymous = new Wire(transport).open();
    anonymous.stream.receive(new Uint8Array());
    expect(anonymous.ended).toMatchObject({ code: 3, message: expect.stringContaining('which node') });
    const untyped = new Wire(transport).open();
    untyped.ask('');
    expect(untyped.ended).toMatchObject({ code: 3 });
    const refused = new Wire(transport, { provider: { viewFor: () => ({ refused: 'unknown namespace' }) } }).open();
    refused.ask(CDS);
    expect(refused.ended).toEqual({ code: 7, message: 'unknown namespace' });
    expect(refused.events).toEqual([{ kind: 'refused', address: '127.0.0.1:1', reason: 'node "web": unknown namespace' }]);
    const greedy = new Wire(transport).open();
    greedy.ask(
      EDS,
      Array.from({ length: 101 }, (_, i) => `n${i}`),
    );
    expect(greedy.ended).toMatchObject({ code: 8, message: expect.stringContaining('more than 100 names') });
  });

  test('a stream of one type serves that type, named or not', () => {
    const wire = new Wire(transport, { onlyType: EDS }).open();
    wire.commit([EDS, 'a', '1']);
    wire.ask('', ['a']);
    expect(wire.pushes()).toEqual(['EDS a']);
    wire.ask(CDS);
    expect(wire.ended).toMatchObject({ code: 3 });
  });

  test('asks nothing more of its view when it is closed', () => {
    const wire = settled(transport);
    wire.stream.close();
    wire.commit([EDS, 'a', '2']);
    expect(wire.pushes()).toEqual([]);
    expect(wire.events.at(-1)).toEqual({ kind: 'disconnected', node: 'web', address: '127.0.0.1:1' });
  });
});

describe('slow readers', () => {
  const large = (version: string): Resource => of(CDS, 'a', version, LARGE_MESSAGE);

  test('get nothing more until they have read a large message, and then the newest', () => {
    const wire = new Wire('delta').open();
    wire.reads = false;
    wire.commit([CDS, 'a', large('1')], [EDS, 'a', '1']);
    wire.ask(CDS);
    wire.ask(EDS, ['a']);
    wire.commit([EDS, 'a', '2']);
    expect(wire.pushes()).toEqual(['CDS a']);
    wire.undrained.shift()!();
    expect(wire.pushes()).toEqual(['EDS a']);
  });

  test('wait for one another when too much is under way', () => {
    const budget = new SendBudget(1);
    const [first, second] = [new Wire('sotw', { budget }).open(), new Wire('sotw', { budget }).open()];
    for (const wire of [first, second]) {
      wire.reads = false;
      wire.commit([CDS, 'a', large('1')]);
      wire.ask(CDS);
    }
    expect([first.pushes(), second.pushes()]).toEqual([['CDS a'], []]);
    first.undrained.shift()!();
    expect(second.pushes()).toEqual(['CDS a']);
  });

  test('are given up after half a minute, and hold up nobody else', () => {
    const budget = new SendBudget(1);
    const [stuck, other] = [new Wire('sotw', { budget }).open(), new Wire('sotw', { budget }).open()];
    stuck.reads = false;
    for (const wire of [stuck, other]) {
      wire.commit([CDS, 'a', large('1')]);
      wire.ask(CDS);
    }
    expect(other.pushes()).toEqual([]);
    stuck.pass(30_000);
    expect(stuck.ended).toMatchObject({ code: 4, message: expect.stringContaining('has not read') });
    expect(other.pushes()).toEqual(['CDS a']);
  });
});

describe('MCP', () => {
  const SE = 'networking.istio.io/v1/ServiceEntry';
  const mcp = (): Wire => new Wire('sotw', { profile: MCP }).open();

  test('answers every type with all of it, empty ones too, but an absent MeshConfig not at all', () => {
    const wire = mcp();
    wire.commit([SE, 'a', '1']);
    for (const type of ['core/v1alpha1/MeshConfig', SE, 'networking.istio.io/v1/Gateway']) wire.ask(type, [], 'istiod-nonce');
    expect(wire.pushes()).toEqual([`${SE} a`, 'networking.istio.io/v1/Gateway']);
    wire.ack(SE);
    wire.commit([SE, 'b', '1']);
    expect(wire.pushes()).toEqual([`${SE} a,b`]);
  });

  test('sends nothing before it is complete', () => {
    const wire = new Wire('sotw', { profile: MCP });
    wire.ask(SE);
    wire.commit([SE, 'a', '1']);
    wire.commit([SE, 'b', '1']);
    expect(wire.pushes()).toEqual([]);
    wire.open();
    expect(wire.pushes()).toEqual([`${SE} a,b`]);
  });

  test('pauses after a push as long as the push took, and then sends what there is in one', () => {
    const wire = mcp();
    wire.ask(SE);
    wire.pass(300);
    wire.ack(SE);
    wire.commit([SE, 'a', '1']);
    wire.pass(200);
    wire.commit([SE, 'b', '1']);
    wire.pass(99);
    expect(wire.pushes()).toEqual([SE]);
    wire.pass(1);
    expect(wire.pushes()).toEqual([`${SE} a,b`]);
  });

  test('pauses ten seconds at most', () => {
    const wire = mcp();
    wire.ask(SE);
    wire.pass(60_000);
    wire.ack(SE);
    wire.commit([SE, 'a', '1']);
    wire.pass(10_000);
    expect(wire.pushes()).toEqual([SE, `${SE} a`]);
  });

  test('pushes a lone change at once when the last push is long over', () => {
    const wire = mcp();
    wire.ask(SE);
    wire.pass(300);
    wire.ack(SE);
    wire.pass(301);
    wire.commit([SE, 'a', '1']);
    expect(wire.pushes()).toEqual([SE, `${SE} a`]);
  });
});
