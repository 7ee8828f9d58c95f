import { describe, expect, test } from '@jest/globals';
import { settled } from './testing/settled.ts';
import { Wire } from './testing/wire.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { CDS, EDS, LDS, PUSH_ORDER, RDS } from './type-urls.ts';

describe.each(['sotw', 'delta'] as const)('a stream (%s)', (transport) => {
  test('pushes a change before commit returns, and only to who wants it', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2'], [EDS, 'unwanted', '1']);
    expect(wire.pushes()).toEqual(['EDS a']);
    expect(wire.responses.at(-1)!.versionInfo).toBe(wire.store.version(EDS));
  });

  test('is sent nothing of a view that is not complete yet, and everything when it is', async () => {
    let complete = (): void => undefined;
    const ready = new Promise<void>((resolve) => (complete = resolve));
    const store = new SnapshotStore(PUSH_ORDER);
    const view = {
      get revision() {
        return store.revision;
      },
      ready,
      resources: store.resources.bind(store),
      version: store.version.bind(store),
      subscribe: store.subscribe.bind(store),
    };
    const wire = new Wire(transport, { provider: { viewFor: () => view } }).open();
    wire.ask(CDS);
    store.commit([{ type: CDS, name: 'a', resource: { name: 'a', version: '1', bytes: new Uint8Array() } }]);
    expect(wire.pushes()).toEqual([]);
    complete();
    await ready;
    expect(wire.pushes()).toHaveLength(1);
  });

  test('sends clusters, then their endpoints, and listeners and routes when both are accepted', () => {
    const wire = settled(transport);
    wire.commit([RDS, 'r', '2'], [LDS, 'l', '2'], [EDS, 'a', '2'], [CDS, 'a', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS a', 'EDS a']);
    wire.ack(CDS);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  const gone = transport === 'sotw' ? ['CDS a'] : ['CDS -b', 'EDS -b'];

  test('takes a cluster away when the routes without it are accepted, and 15 s later', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    expect(wire.pushes()).toEqual(['RDS r']);
    wire.pass(60_000);
    wire.ack(RDS, ['r']);
    wire.pass(14_000);
    expect(wire.pushes()).toEqual([]);
    wire.pass(2_000);
    expect(wire.pushes()).toEqual(gone);
  });

  test('keeps a removed cluster for a client that rejected the routes without it, but for five minutes at most', () => {
    for (const better of [true, false]) {
      const wire = settled(transport);
      wire.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
      wire.ack(RDS, ['r'], 'bad route');
      wire.pass(299_000);
      expect(wire.pushes()).toEqual(['RDS r']);
      if (better) {
        wire.commit([RDS, 'r', '3']);
        expect(wire.pushes()).toEqual(['RDS r']);
        wire.ack(RDS, ['r']);
      }
      wire.pass(1_000);
      expect(wire.pushes()).toEqual(gone);
    }
  });

  test('serves a removed cluster and its endpoints also to who connects meanwhile', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    wire.ask(EDS, ['b']);
    expect(wire.pushes()).toEqual(['RDS r', ...(transport === 'sotw' ? [] : ['EDS b'])]);
    const [cds] = wire.stream.config()!.types;
    expect(cds?.resources).toEqual([
      expect.objectContaining({ name: 'a', retiring: false }),
      expect.objectContaining({ name: 'b', retiring: true }),
    ]);
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

  test('lets routes go under a steady stream of new clusters, when those that came with them are there', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'c', '1'], [RDS, 'r', '2']);
    wire.commit([CDS, 'd', '1']);
    expect(wire.pushes().filter((push) => push.startsWith('RDS'))).toEqual([]);
    wire.ack(CDS);
    expect(wire.pushes().at(-1)).toBe('RDS r');
  });

  test('holds routes that change with their clusters as long as the client answers about clusters, but no more than 30 s', () => {
    const wire = settled(transport);
    for (let n = 2; n <= 10; n += 1) {
      wire.commit([CDS, 'c', String(n)], [RDS, 'r', String(n)]);
      wire.pass(3_000);
      wire.commit([CDS, 'd', String(n)], [RDS, 'r', `${n}.5`]);
      wire.ack(CDS);
    }
    expect(wire.pushes().filter((push) => push.startsWith('RDS'))).toEqual([]);
    wire.pass(6_000);
    expect(wire.pushes()).toEqual(['RDS r']);
  });

  test('encodes thousands of clusters over several turns; nothing overtakes them, and later changes follow', () => {
    const wire = new Wire(transport).open();
    wire.commit(...Array.from({ length: 2_500 }, (_, n): [string, string, string] => [CDS, `c${n}`, '1']), [LDS, 'l', '1']);
    wire.ask(CDS);
    wire.ask(LDS);
    expect(wire.pushes()).toEqual([]);
    wire.commit([CDS, 'c0', '2']);
    for (let turn = 0; turn < 8; turn += 1) wire.pass(1);
    const [first, ...others] = wire.pushes();
    expect([first?.split(',').length, others]).toEqual([2_500, []]);
    wire.ack(CDS);
    for (let turn = 0; turn < 8; turn += 1) wire.pass(1);
    const [second, ...rest] = wire.pushes();
    expect([second?.split(',').length, rest]).toEqual([transport === 'sotw' ? 2_500 : 1, ['LDS l']]);
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
    const nack = { at: 5_000, message: 'listener l: bad', version: wire.store.version(LDS), names: ['l'] };
    expect(wire.stream.status()).toMatchObject({ node: 'web', cluster: 'c', address: '127.0.0.1:1', since: 1_000, transport });
    expect(wire.stream.status()!.types).toEqual([
      expect.objectContaining({ type: CDS, wildcard: true, subscribed: 0, nack: undefined }),
      expect.objectContaining({ type: EDS, wildcard: false, subscribed: 2 }),
      expect.objectContaining({ type: LDS, wildcard: true, subscribed: 0, sent: wire.store.version(LDS), acked: before, nack }),
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
        { name: 'a', version: '3', pending: true, retiring: false, rejected: false },
        { name: 'b', version: '1', pending: false, retiring: false, rejected: false },
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
    const rejection = { node: 'web', address: '127.0.0.1:1', code: 'PERMISSION_DENIED', reason: 'unknown namespace' };
    expect(refused.events).toEqual([{ kind: 'refused', ...rejection }]);
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
