import { describe, expect, test } from '@jest/globals';
import { Wire } from './testing/wire.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

/** An Envoy's first requests to a server that was killed, in their order; it has cluster `o`, which nobody here knows. */
function back(version = 'of-before'): Wire {
  const wire = new Wire('sotw').open();
  wire.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [LDS, 'l', '1'], [RDS, 'r', '1']);
  wire.ask(CDS, [], '', { version });
  wire.ask(EDS, ['a', 'o'], '', { version });
  wire.ask(LDS, [], '', { version });
  wire.ask(RDS, ['r'], '', { version });
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

  test('gets clusters that are new meanwhile before routes to them, although it answers nothing about clusters', () => {
    const wire = back();
    wire.pushes();
    wire.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
    expect(wire.pushes()).toEqual(['CDS a,n,o']);
    wire.ack(EDS, ['a', 'o']);
    expect(wire.pushes()).toEqual([]); // listeners and routes wait for the endpoints of n
    wire.ask(EDS, ['a', 'n', 'o'], wire.responses.findLast(({ typeUrl }) => typeUrl === EDS)?.nonce);
    expect(wire.pushes()).toEqual(['EDS n']);
    wire.ack(EDS, ['a', 'n', 'o']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
    wire.ack(LDS);
    wire.ack(RDS, ['r']);
    expect(wire.pushes()).toEqual(['EDS o']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['CDS a,n']);
  });

  test('loses it after 15 s, whatever it does', () => {
    const wire = back();
    wire.ack(EDS, ['a', 'o']);
    wire.pushes();
    wire.pass(14_000);
    expect(wire.pushes()).toEqual([]);
    wire.pass(1_000);
    expect(wire.pushes()).toEqual(['EDS o']);
  });

  test('is not waited for when it has no endpoints to ask for', () => {
    const wire = new Wire('sotw').open();
    wire.commit([CDS, 'a', '1']);
    wire.ask(CDS, [], '', { version: 'of-before' });
    wire.pass(199);
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
