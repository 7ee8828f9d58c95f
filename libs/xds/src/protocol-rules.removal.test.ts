import { describe, expect, test } from '@jest/globals';
import { settled } from './testing/settled.ts';
import { Wire } from './testing/wire.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

// See protocol-rules.test.ts.

describe.each(['sotw', 'delta'] as const)('removal (%s)', (transport) => {
  const gone = transport === 'sotw' ? ['CDS a'] : ['CDS -b', 'EDS -b'];

  test('a removed cluster stays for all streams until every one has acknowledged the routes without it, and 15 s', () => {
    const quick = settled(transport);
    const slow = settled(transport, quick);
    quick.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    quick.ack(RDS, ['r']);
    quick.pass(60_000);
    slow.ack(RDS, ['r']);
    quick.pass(14_000);
    expect([quick.pushes(), slow.pushes()]).toEqual([['RDS r'], ['RDS r']]);
    quick.pass(2_000);
    expect([quick.pushes(), slow.pushes()]).toEqual([gone, gone]);
  });

  test('who disconnects does not keep it, who connects meanwhile gets it and is waited for', () => {
    const one = settled(transport);
    const two = settled(transport, one);
    one.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    one.ack(RDS, ['r']);
    two.stream.close();
    one.pass(10_000);
    const back = new Wire(transport, {}, one).open();
    back.ask(CDS);
    back.ask(EDS, ['a', 'b']);
    back.ask(RDS, ['r']);
    expect(back.pushes()).toEqual(['CDS a,b', 'EDS a,b']);
    back.ack(CDS);
    one.pass(60_000);
    expect(one.pushes()).toEqual(['RDS r']);
    back.ack(EDS, ['a', 'b']);
    back.ack(RDS, ['r']);
    one.pass(16_000);
    expect(one.pushes()).toEqual(gone);
  });

  test('who connects after the grace is not waited for: somebody always does', () => {
    const one = settled(transport);
    one.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    one.ack(RDS, ['r']);
    for (let s = 0; s < 20; s += 2) {
      const passing = new Wire(transport, {}, one).open();
      passing.ask(CDS);
      one.pass(2_000);
      if (s < 14) passing.stream.close();
    }
    expect(one.pushes()).toEqual(['RDS r', ...gone]);
  });

  test('waits five minutes at most for who never acknowledges', () => {
    const good = settled(transport);
    const mute = settled(transport, good);
    good.commit([CDS, 'b'], [EDS, 'b'], [RDS, 'r', '2']);
    good.ack(RDS, ['r']);
    good.pass(299_000);
    expect(good.pushes()).toEqual(['RDS r']);
    good.pass(1_000);
    expect(good.pushes()).toEqual(gone);
    expect(mute.pushes()).toEqual(['RDS r', ...gone]);
  });

  test('a cluster that comes back while it retires is not removed', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'b'], [EDS, 'b']);
    wire.commit([CDS, 'b', '2'], [EDS, 'b', '2']);
    wire.ack(CDS);
    wire.ack(EDS, ['a', 'b']);
    wire.pass(60_000);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS b', 'EDS b']);
  });

  test('a listener or a route that is removed goes at once: nothing depends on it', () => {
    const wire = settled(transport);
    wire.commit([LDS, 'l']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'LDS' : 'LDS -l']);
  });
});

describe('removal, in delta alone', () => {
  /** A client that comes back with an Envoy's requests, in their order, to a server that never knew `old`. */
  function back(): Wire {
    const wire = new Wire('delta').open();
    wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [LDS, 'l', '1'], [RDS, 'r', '2']);
    wire.ask(CDS, ['*'], '', { has: { a: '1', old: '1' } });
    wire.ask(EDS, ['a'], '', { has: { a: '1' } });
    wire.ask(LDS, ['*'], '', { has: { l: '1', gone: '1' } });
    wire.ask(RDS, ['r'], '', { has: { r: '1' } });
    return wire;
  }

  test('a listener in `initial_resource_versions` that is no more is removed at once (istio#41494)', () => {
    const wire = back();
    wire.ack(CDS);
    expect(wire.pushes()).toContain('LDS -gone');
  });

  test('a cluster in `initial_resource_versions` that is no more is removed when the client has our routes', () => {
    const wire = back();
    wire.ack(CDS);
    wire.ack(EDS);
    wire.ack(LDS);
    expect(wire.pushes()).not.toContain('CDS -old');
    expect(wire.stream.config()!.types[0]!.resources).toMatchObject([{ name: 'a' }, { name: 'old', retiring: true }]);
    wire.ack(RDS);
    expect(wire.pushes()).toEqual(['CDS -old']);
  });

  test('… or after five minutes, or 15 s where the client has no routes of ours', () => {
    const mute = back();
    mute.ack(CDS);
    mute.pushes();
    mute.pass(299_000);
    expect(mute.pushes()).toEqual([]);
    mute.pass(1_000);
    expect(mute.pushes()).toEqual(['CDS -old']);
    const bare = new Wire('delta').open();
    bare.ask(CDS, ['*'], '', { has: { old: '1' } });
    bare.ack(CDS);
    bare.pass(14_000);
    expect(bare.pushes()).toEqual(['CDS']);
    bare.pass(1_000);
    expect(bare.pushes()).toEqual(['CDS -old']);
  });

  test('a subscribed name is sent although the client has that version (envoy#22418)', () => {
    expect(back().pushes()).toContain('EDS a');
  });

  test('the removal of a name that never was keeps the watch on it (go-control-plane#488)', () => {
    const wire = new Wire('delta').open();
    wire.ask(CDS, ['x']);
    wire.ack(CDS);
    wire.commit([CDS, 'x', '1']);
    expect(wire.pushes()).toEqual(['CDS -x', 'CDS x']);
  });
});
