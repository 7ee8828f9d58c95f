import { describe, expect, test } from '@jest/globals';
import type { TypeUrl } from '@isthmus/model';
import { StreamFamily } from './stream-family.ts';
import { settled } from './testing/settled.ts';
import { Wire } from './testing/wire.ts';
import { CDS, EDS, LDS, RDS, SDS, VHDS } from './type-urls.ts';

// See protocol-rules.test.ts.

const both = ['sotw', 'delta'] as const;

describe.each(both)('order (%s)', (transport) => {
  test('is CDS, EDS, LDS, RDS, SDS, in whatever order they change; routes move when the clusters and their endpoints are taken', () => {
    const wire = settled(transport);
    wire.ask(SDS, ['s']);
    wire.ack(SDS, ['s']);
    wire.pushes();
    wire.commit([SDS, 's', '2'], [RDS, 'r', '2'], [LDS, 'l', '2'], [EDS, 'a', '2'], [CDS, 'a', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS a', 'EDS a', 'SDS s']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual([]);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.pushes()).toEqual(['LDS l', 'RDS r']);
  });

  test('is the same over streams of their own: routes wait for the endpoints of clusters that were sent late, too', () => {
    const family = new StreamFamily(() => undefined);
    const only = (onlyType: TypeUrl, beside?: Wire) => new Wire(transport, { onlyType, familyOf: () => family }, beside).open();
    const clusters = only(CDS);
    const [endpoints, routes] = [only(EDS, clusters), only(RDS, clusters)];
    /** An Envoy repeats its names in state of the world, and says the new one in delta. */
    const askAlso = (name: string, before: string[]) =>
      endpoints.ask(EDS, transport === 'sotw' ? [...before, name] : [name], endpoints.responses.at(-1)?.nonce);
    clusters.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [RDS, 'r', '1']);
    clusters.ask(CDS);
    clusters.ack(CDS);
    endpoints.ask(EDS, ['a']);
    endpoints.ack(EDS, ['a']);
    routes.ask(RDS, ['r']);
    routes.ack(RDS, ['r']);
    clusters.commit([CDS, 'b', '1'], [EDS, 'b', '1']);
    askAlso('b', ['a']);
    endpoints.ack(EDS, ['a', 'b']);
    clusters.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']); // while the answer to b is under way
    clusters.commit([EDS, 'a', '2']);
    endpoints.ack(EDS, ['a', 'b']);
    clusters.ack(CDS);
    clusters.ack(CDS); // before n is warm
    clusters.pass(0);
    expect(routes.pushes()).toEqual(['RDS r']);
    askAlso('n', ['a', 'b']);
    endpoints.ack(EDS, ['a', 'b', 'n']);
    expect([endpoints.pushes().at(-1), routes.pushes()]).toEqual(['EDS n', ['RDS r']]);
  });

  test('routes wait on for endpoints that the client refused, until it takes others, five seconds at most', () => {
    const open = (message: string) => {
      const family = new StreamFamily(() => undefined);
      const only = (onlyType: TypeUrl, beside?: Wire) => new Wire(transport, { onlyType, familyOf: () => family }, beside).open();
      const clusters = only(CDS);
      const [endpoints, routes] = [only(EDS, clusters), only(RDS, clusters)];
      clusters.commit([CDS, 'a', '1'], [EDS, 'a', '1'], [RDS, 'r', '1']);
      clusters.ask(CDS);
      clusters.ack(CDS);
      endpoints.ask(EDS, ['a']);
      endpoints.ack(EDS, ['a']);
      routes.ask(RDS, ['r']);
      routes.ack(RDS, ['r']);
      clusters.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
      clusters.ack(CDS);
      endpoints.ask(EDS, transport === 'sotw' ? ['a', 'n'] : ['n'], endpoints.responses.at(-1)?.nonce);
      endpoints.ack(EDS, ['a', 'n'], message);
      clusters.pass(1_000);
      expect([endpoints.pushes().at(-1), routes.pushes()]).toEqual(['EDS n', ['RDS r']]);
      return { clusters, endpoints, routes };
    };
    const mended = open('malformed endpoint address in n');
    mended.clusters.commit([EDS, 'n', '2']);
    mended.endpoints.ack(EDS, ['a', 'n']);
    expect(mended.routes.pushes()).toEqual(['RDS r']);

    const refused = open('malformed endpoint address'); // which, the client does not say
    refused.clusters.pass(3_000);
    expect(refused.routes.pushes()).toEqual([]);
    refused.clusters.pass(1_000);
    expect(refused.routes.pushes()).toEqual(['RDS r']);
  });

  describe('over ADS, when endpoints of a new cluster are refused after CDS is answered, as Envoy does,', () => {
    function refused(message = 'malformed IP address') {
      const wire = settled(transport);
      wire.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
      wire.ask(
        EDS,
        transport === 'sotw' ? ['a', 'b', 'n'] : ['n'],
        wire.responses.findLast(({ typeUrl }) => typeUrl === EDS)?.nonce,
      );
      wire.ack(CDS);
      wire.ack(EDS, ['a', 'b', 'n'], message);
      wire.pass(4_000);
      expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b,n' : 'CDS n', 'EDS n']);
      return wire;
    }

    test('routes wait until it takes others', () => {
      const wire = refused();
      wire.commit([EDS, 'n', '2']);
      expect(wire.pushes()).toEqual(['EDS n']);
      wire.ack(EDS, ['a', 'b', 'n']);
      expect(wire.pushes()).toEqual(['RDS r']);
    });

    test('they wait five seconds at most, whatever else is answered meanwhile, and no more after that', () => {
      const wire = refused();
      wire.commit([CDS, 'a', '2']);
      wire.ack(CDS);
      wire.ack(EDS, ['a', 'b', 'n']);
      wire.pushes();
      wire.pass(999);
      expect(wire.pushes()).toEqual([]);
      wire.pass(1);
      expect(wire.pushes()).toEqual(['RDS r']);
      wire.ack(RDS, ['r']);
      wire.commit([RDS, 'r', '3']);
      expect(wire.pushes()).toEqual(['RDS r']);
    });
  });

  describe('when a client comes back and', () => {
    const sotw = transport === 'sotw';
    /** With an Envoy's requests, in their order, to a server that has `n` since. */
    function back(refused: string) {
      const wire = new Wire(transport).open();
      for (const name of ['a', 'n']) wire.commit([CDS, name, '1'], [EDS, name, '1']);
      wire.commit([LDS, 'l', '1'], [RDS, 'r', '2']);
      const had = { version: 'before' };
      wire.ask(CDS, sotw ? [] : ['*'], '', { ...had, has: { a: '1' } });
      wire.ask(EDS, ['a'], '', { ...had, has: { a: '1' } });
      wire.ask(LDS, sotw ? [] : ['*'], '', { ...had, has: { l: '1' } });
      wire.ask(RDS, ['r'], '', { ...had, has: { r: '1' } });
      wire.ask(EDS, sotw ? ['a', 'n'] : ['n'], 'of the stream before');
      wire.ack(EDS, ['a', 'n'], refused === 'a' ? 'malformed IP address in a' : undefined);
      wire.pushes();
      wire.ack(CDS);
      wire.ack(EDS, ['a', 'n'], refused === 'n' ? 'malformed IP address' : undefined);
      return wire;
    }

    test('refuses endpoints of a cluster that is new to it, routes wait until it takes others', () => {
      const wire = back('n');
      wire.pass(4_000);
      expect(wire.pushes().join()).not.toMatch(/RDS/);
      wire.commit([EDS, 'n', '2']);
      wire.ack(EDS, ['a', 'n']);
      expect(wire.pushes().at(-1)).toBe('RDS r');
    });

    test('… five seconds at most', () => {
      const wire = back('n');
      wire.pass(5_000);
      expect(wire.pushes().at(-1)).toBe('RDS r');
    });

    test('refuses those of a cluster that it has, they hold up no routes', () => {
      expect(back('a').pushes().at(-1)).toBe('RDS r');
    });
  });

  test('routes do not wait for endpoints of a cluster that the client refused: it never asks for them', () => {
    const wire = settled(transport);
    wire.commit([CDS, 'n', '1'], [EDS, 'n', '1'], [RDS, 'r', '2']);
    wire.ack(CDS, [], 'no such type in n');
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b,n' : 'CDS n', 'RDS r']);
  });

  test('refused endpoints of a cluster that is there hold up no routes', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2']);
    wire.ack(EDS, ['a', 'b'], 'malformed IP address');
    wire.commit([CDS, 'b', '2'], [RDS, 'r', '2']);
    wire.ack(CDS);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.pushes()).toEqual(['EDS a', transport === 'sotw' ? 'CDS a,b' : 'CDS b', 'EDS b', 'RDS r']);
  });
});

describe('on demand (delta)', () => {
  test('a cluster is answered at once, also while others are waited for elsewhere, and one that there is not as removed (envoy#18723)', () => {
    const wire = new Wire('delta').open();
    wire.commit([CDS, 'a', '1'], [CDS, 'b', '1']);
    wire.ask(CDS, ['a']);
    wire.ack(CDS);
    wire.ask(CDS, ['x', 'b']);
    expect(wire.pushes()).toEqual(['CDS a', 'CDS b,-x']);
  });

  test('beside the wildcard too: a name under it is sent again', () => {
    const wire = settled('delta');
    wire.ask(CDS, ['b', 'x']);
    expect(wire.pushes()).toEqual(['CDS b,-x', 'EDS b']);
  });

  test('a virtual host that there is not comes as a resource without a body whose alias is what was asked (VHDS)', () => {
    const wire = new Wire('delta', { onlyType: VHDS }).open();
    wire.ask('', ['r/orders.example']);
    expect(wire.pushes()).toEqual(['VHDS r/orders.example=none']);
  });
});
