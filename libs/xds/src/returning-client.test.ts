import { describe, expect, test } from '@jest/globals';
import { FakeTime } from './testing/fake-time.ts';
import { Wire } from './testing/wire.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

function started(transport: 'sotw' | 'delta' = 'sotw'): Wire {
  const wire = new Wire(transport).open();
  wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
  return wire;
}

/** An Envoy's first requests to a server that was killed, in their order; it has cluster `o`, which nobody here knows. */
function askAll(wire: Wire, version: string): void {
  wire.ask(CDS, [], '', { version });
  wire.ask(EDS, ['a', 'o'], '', { version });
  wire.ask(LDS, [], '', { version });
  wire.ask(RDS, ['r'], '', { version });
}

function back(version = 'of-before'): Wire {
  const wire = started();
  askAll(wire, version);
  return wire;
}

describe('a state-of-the-world client that comes back to a server that was restarted', () => {
  test('keeps a cluster that we do not know, without word of its endpoints, until it goes by our routes', () => {
    const wire = back();
    // `o` warms from now on, so the answer to CDS comes when it is gone: routes wait for the endpoints’ instead.
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
    wire.ack(LDS);
    expect(wire.pushes()).toEqual([]);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(['EDS o']); // an assignment without endpoints, which ends the warming
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['CDS a']);
  });

  test('gets routes after them too when it asked before we were ready, and something changed since', () => {
    const wire = new Wire('sotw');
    wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
    askAll(wire, 'of-before');
    wire.commit([EDS, 'a', '2']);
    wire.open();
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('gets clusters that are new meanwhile before routes to them, although it answers nothing about clusters', () => {
    const wire = back();
    wire.pushes();
    wire.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
    expect(wire.pushes()).toEqual(['CDS a,n,o']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual(['LDS l']); // routes wait for the endpoints of n
    wire.ask(EDS, ['a', 'n', 'o'], wire.responses.findLast(({ typeUrl }) => typeUrl === EDS)?.nonce);
    expect(wire.pushes()).toEqual(['EDS n']);
    wire.ack(EDS, ['a', 'n', 'o']);
    expect(wire.pushes()).toEqual(['RDS r']);
    wire.ack(LDS);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(['EDS o']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['CDS a,n']);
  });

  test('gets the one that we come to know after all, once', () => {
    const wire = back();
    wire.pushes();
    wire.commit([CDS, 'o', '1'], [EDS, 'o', '1']);
    expect(wire.pushes()).toEqual(['CDS a,o']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toContain('EDS o');
  });

  test('loses it after a minute, whatever it does', () => {
    const wire = back();
    wire.ack(EDS, ['a', 'o']);
    wire.pushes();
    wire.pass(59_000);
    expect(wire.pushes()).toEqual([]);
    wire.pass(1_000);
    expect(wire.pushes()).toEqual(['EDS o']);
  });

  test('… or after 15 s where it asks for no routes', () => {
    const wire = started();
    wire.ask(CDS, [], '', { version: 'of-before' });
    wire.ask(EDS, ['a', 'o'], '', { version: 'of-before' });
    wire.ack(EDS, ['a', 'o']);
    wire.pass(14_000);
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
    wire.pass(1_000);
    expect(wire.pushes()).toEqual(['EDS o']);
  });

  test('is not waited for when it has no endpoints to ask for', () => {
    const wire = new Wire('sotw').open();
    wire.commit([CDS, 'a', '1']);
    wire.ask(CDS, [], '', { version: 'of-before' });
    wire.pass(1_999);
    expect(wire.pushes()).toEqual([]);
    wire.pass(1);
    expect(wire.pushes()).toEqual(['CDS a']);
  });

  test('one that comes for the first time is told at once that there is nothing by that name', () => {
    expect(back('').pushes()).toEqual(['CDS a', 'EDS a,o']);
  });

  test('one that has nothing else than we know is served as ever', () => {
    const wire = new Wire('sotw').open();
    wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [RDS, 'r', '1']);
    wire.ask(CDS, [], '', { version: 'of-before' });
    wire.ask(EDS, ['a'], '', { version: 'of-before' });
    wire.ask(RDS, ['r'], '', { version: 'of-before' });
    expect(wire.pushes()).toEqual(['CDS a', 'EDS a']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['RDS r']);
  });
});

describe('an Envoy that comes back while its clusters warm, so that it withholds its request for them', () => {
  /** As after a second kill: cluster `o` of the time before, which it was told to keep, warms. */
  function warming(transport: 'sotw' | 'delta' = 'sotw', types = [EDS, LDS, RDS]): Wire {
    const wire = started(transport);
    const names = new Map([
      [EDS, ['a', 'o']],
      [RDS, ['r']],
    ]);
    const before = transport === 'sotw' ? { version: 'of-before' } : { has: { l: 'of-before' } };
    for (const type of types) wire.ask(type, names.get(type) ?? [], '', before);
    return wire;
  }

  test('is sent clusters unasked, what it has is kept, and routes come after them', () => {
    const wire = warming();
    wire.pass(1_999);
    expect(wire.pushes()).toEqual([]);
    wire.pass(1);
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
    wire.ack(LDS);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(['EDS o']);
    wire.ack(CDS); // nothing warms any more: its first word about clusters
    expect(wire.pushes()).toEqual(['CDS a']);
  });

  test.each([0, 1, 2, 3, 4, 5, 6])(
    'its endpoints are not answered as empty before that when the wait ends while we look what is due, %s readings of the clock early',
    (early) => {
      let ticks = 0;
      const time = new FakeTime();
      // A millisecond passes between two readings: who looks for what is due may be interrupted anywhere.
      const now = (): number => {
        ticks += 1;
        return time.at + ticks;
      };
      const wire = new Wire('sotw', { clock: { now }, timers: time.timers }).open();
      wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
      for (const [type, names] of Object.entries({ [EDS]: ['a', 'o'], [LDS]: [], [RDS]: ['r'] }))
        wire.ask(type, names, '', { version: 'of-before' });
      time.at += 2_000 - ticks - early;
      wire.commit([EDS, 'a', '2']); // makes us look
      time.pass(100);
      expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
    },
  );

  test('routes wait for its answer about clusters when we know all that it has', () => {
    const wire = warming();
    wire.commit([CDS, 'o', '1'], [EDS, 'o', '1']);
    wire.pass(2_000);
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a,o']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual([]);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('routes wait for new clusters also when something else has changed since they did', () => {
    const wire = warming();
    wire.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
    wire.commit([EDS, 'a', '2']); // the clusters that are sent are of this revision, the routes of the one before
    wire.pass(2_000);
    expect(wire.pushes()).toEqual(['CDS a,n,o', 'EDS a']);
    wire.ask(EDS, ['a', 'n', 'o'], wire.responses.findLast(({ typeUrl }) => typeUrl === EDS)?.nonce);
    expect(wire.pushes()).toEqual(['EDS n']);
    wire.ack(EDS, ['a', 'n', 'o']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('is served as ever when the request for clusters comes just after the others', () => {
    const wire = warming();
    wire.pass(100);
    wire.ask(CDS, [], '', { version: 'of-before' });
    expect(wire.pushes()).toEqual(['CDS a,o', 'EDS a']);
  });

  test('gets listeners and routes when it has no endpoints to warm', () => {
    const wire = warming('sotw', [LDS, RDS]);
    expect(wire.pushes()).toEqual([]);
    wire.pass(2_000);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('one that never says a word about clusters is not waited for after a minute', () => {
    const wire = warming();
    wire.commit([CDS, 'o', '1'], [EDS, 'o', '1']);
    wire.pass(63_000);
    wire.ack(LDS);
    wire.ack(RDS, ['r']);
    wire.pushes();
    wire.commit([CDS, 'a', '2'], [RDS, 'r', '2']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes().toSorted()).toEqual(['CDS a,o', 'EDS a', 'RDS r']);
  });

  test('in delta its endpoints are answered, and routes wait for that request, 5 s at most', () => {
    const wire = warming('delta');
    wire.pass(2_000);
    expect(wire.pushes()).toEqual(['EDS a,-o']);
    const mute = warming('delta');
    wire.ask(CDS, ['*'], '', { has: { a: '1' } });
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['CDS', 'LDS l', 'RDS r']);
    mute.pass(4_999);
    expect(mute.pushes()).toEqual(['EDS a,-o']);
    mute.pass(1);
    expect(mute.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('another client than Envoy is not waited for: it asks for clusters when routes name some', () => {
    const wire = started();
    wire.node.userAgentName = 'gRPC Go';
    wire.ask(LDS, ['l'], '', { version: 'of-before' });
    expect(wire.pushes()).toEqual(['LDS l']);
  });
});
