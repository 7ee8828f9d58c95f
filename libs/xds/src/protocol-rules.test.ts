import { describe, expect, test } from '@jest/globals';
import { settled } from './testing/settled.ts';
import { Wire } from './testing/wire.ts';
import { CDS, EDS, LDS, RDS, SDS } from './type-urls.ts';

// The rules of the xDS protocol, one test each, with the bug of another server that paid for it. `Wire` is a scripted client
// on the real stream; `a,b` are resources of a response, `-a` a removed one. Order and removal: protocol-rules.order.test.ts.

const both = ['sotw', 'delta'] as const;

function connected(transport: 'sotw' | 'delta', userAgentName = 'envoy'): Wire {
  const wire = new Wire(transport);
  wire.node.userAgentName = userAgentName;
  wire.open();
  for (const type of [CDS, EDS, LDS, RDS]) wire.commit([type, 'a', '1'], [type, 'b', '1']);
  return wire;
}

describe.each(both)('wildcard (%s)', (transport) => {
  test('the first empty subscription of clusters or listeners is the legacy wildcard', () => {
    const wire = connected(transport);
    for (const type of [CDS, LDS]) wire.ask(type);
    expect(wire.pushes()).toEqual(['CDS a,b']);
    wire.ack(CDS);
    expect(wire.pushes()).toEqual(['LDS a,b']);
  });

  test('an empty subscription of endpoints, routes or secrets is no wildcard', () => {
    const wire = connected(transport);
    for (const type of [EDS, RDS, SDS]) wire.ask(type);
    expect(wire.pushes()).toEqual([]);
  });

  test('after a named subscription an empty one means nothing (go-control-plane#558 #559 #855)', () => {
    const wire = connected(transport);
    wire.ask(CDS, ['a']);
    expect(wire.pushes()).toEqual(['CDS a']);
    if (transport === 'sotw') wire.ack(CDS, []);
    else wire.ask(CDS, [], wire.responses.at(-1)!.nonce, { unsubscribe: ['a'] });
    wire.commit([CDS, 'a', '2'], [CDS, 'b', '2']);
    expect(wire.pushes()).toEqual([]);
  });

  test('for gRPC clients empty never means all', () => {
    const wire = connected(transport, 'gRPC Node');
    for (const type of [CDS, LDS]) wire.ask(type);
    wire.commit([CDS, 'a', '2']);
    expect(wire.pushes()).toEqual([]);
    wire.ask(CDS, ['a']);
    expect(wire.pushes()).toEqual(['CDS a']);
  });

  test('who unsubscribes and subscribes again is sent it again (go-control-plane#431, java-control-plane#339)', () => {
    const wire = connected(transport);
    wire.ask(EDS, ['a', 'b']);
    wire.ack(EDS, ['a', 'b']);
    if (transport === 'sotw') wire.ask(EDS, ['b']);
    else wire.ask(EDS, [], '', { unsubscribe: ['a'] });
    expect(wire.pushes()).toEqual(['EDS a,b']);
    wire.ask(EDS, transport === 'sotw' ? ['a', 'b'] : ['a']);
    expect(wire.pushes()).toEqual(['EDS a']);
  });

  test('an empty name is a name that there is not', () => {
    const wire = connected(transport);
    wire.ask(CDS, ['']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS' : 'CDS -']);
    expect(wire.stream.status()!.types[0]!.wildcard).toBe(false);
  });
});

test('wildcard (delta): unsubscribing a name under the wildcard says what it is, or that it is not', () => {
  const wire = connected('delta');
  wire.ask(CDS, ['*', 'a', 'x']);
  wire.ack(CDS);
  expect(wire.pushes()).toEqual(['CDS a,b,-x']);
  wire.ask(CDS, [], '', { unsubscribe: ['a', 'x'] });
  expect(wire.pushes()).toEqual(['CDS a,-x']);
});

describe.each(both)('nonce and version (%s)', (transport) => {
  test('no nonce comes twice on a stream, and none that another stream was given before this one opened', () => {
    const one = settled(transport);
    const before = one.responses.map(({ nonce }) => nonce);
    const two = settled(transport, one);
    one.commit([EDS, 'a', '2']);
    for (const wire of [one, two]) wire.ack(EDS, ['a', 'b']);
    // The same content again has another nonce all the same.
    for (const wire of [one, two]) wire.ask(EDS, transport === 'sotw' ? ['a'] : [], '', { unsubscribe: ['b'] });
    for (const wire of [one, two]) wire.ask(EDS, transport === 'sotw' ? ['a', 'b'] : ['b']);
    for (const { responses } of [one, two]) {
      const nonces = responses.map(({ nonce }) => nonce);
      expect(new Set(nonces).size).toBe(nonces.length);
    }
    expect(two.responses.filter(({ nonce }) => before.includes(nonce))).toEqual([]);
  });

  test('a request with an old nonce still subscribes (envoy#10363 SotW, envoy#16659 delta), and acknowledges nothing', () => {
    const wire = connected(transport);
    wire.ask(EDS, ['a']);
    const { nonce } = wire.responses.at(-1)!;
    wire.ack(EDS, ['a']);
    wire.commit([EDS, 'a', '2']);
    wire.ask(EDS, transport === 'sotw' ? ['a', 'b'] : ['b'], nonce);
    expect(wire.stream.status()!.types[0]!.unansweredSince).toBe(wire.now);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.pushes()).toEqual(['EDS a', 'EDS a', 'EDS b']);
  });

  test('a foreign nonce acknowledges nothing, its names count, and it is counted', () => {
    const wire = connected(transport);
    wire.ask(EDS, ['a'], 'of-another-server'); // a first request may bring one along
    expect(wire.stream.status()!.foreignNonces).toBe(0);
    wire.ask(EDS, transport === 'sotw' ? ['a', 'b'] : ['b'], 'guess');
    expect(wire.stream.status()).toMatchObject({ foreignNonces: 1, types: [{ acked: undefined }] });
    expect(wire.events.at(-1)).toMatchObject({ kind: 'odd', what: 'foreign-nonce', node: 'web' });
    wire.ack(EDS, ['a', 'b']);
    expect(wire.pushes()).toEqual(['EDS a', 'EDS b']);
  });

  test('versions only differ or not: an older content after a newer one is sent like any other', () => {
    const wire = settled(transport);
    const before = wire.store.version(EDS);
    wire.commit([EDS, 'a', '2']);
    wire.ack(EDS, ['a', 'b']);
    wire.commit([EDS, 'a', '1']);
    expect(wire.pushes()).toEqual(['EDS a', 'EDS a']);
    expect(wire.responses.at(-1)!.versionInfo).toBe(before);
  });
});

test('version (state of the world): who names the one that there is as it comes is sent all of it: it may have accepted that and have another since', () => {
  const wire = connected('sotw');
  for (const type of [CDS, LDS]) wire.ask(type, [], '', { version: wire.store.version(type) });
  wire.pass(2_000); // for what a client that comes back asks besides
  expect(wire.pushes()).toEqual(['CDS a,b']);
  wire.ack(CDS);
  expect(wire.pushes()).toEqual(['LDS a,b']);
});

describe.each(both)('NACK (%s)', (transport) => {
  test('parks what was rejected until it changes; nothing is sent in a loop (go-control-plane#962, istio#21111, kgateway#14701)', () => {
    const wire = settled(transport);
    wire.commit([LDS, 'l', '2']);
    wire.ack(LDS, [], 'listener l: no');
    wire.commit([EDS, 'a', '2']);
    wire.ack(EDS, ['a', 'b']);
    wire.ask(LDS);
    wire.pass(60_000);
    expect(wire.pushes()).toEqual(['LDS l', 'EDS a']);
    wire.commit([LDS, 'l', '3']);
    expect(wire.pushes()).toEqual(['LDS l']);
  });

  test('stays known until what was rejected is replaced, whatever else is acknowledged', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2'], [EDS, 'b', '2']);
    wire.ack(EDS, ['a', 'b'], 'bad endpoint in a');
    wire.commit([EDS, 'b', '3']);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.stream.status()!.types[1]!.nack).toMatchObject({ names: ['a'], message: 'bad endpoint in a' });
    expect(wire.stream.config()!.types[1]!.resources).toMatchObject([
      { name: 'a', rejected: true },
      { name: 'b', rejected: false },
    ]);
    wire.commit([EDS, 'a', '3']);
    wire.ack(EDS, ['a', 'b']);
    expect(wire.stream.status()!.types[1]!.nack).toBeUndefined();
  });

  test('of one client takes nothing from another', () => {
    const bad = settled(transport);
    const good = settled(transport, bad);
    bad.commit([LDS, 'l', '2']);
    bad.ack(LDS, [], 'no');
    good.ack(LDS);
    expect(good.stream.status()!.types[2]).toMatchObject({ acked: good.store.version(LDS), nack: undefined });
  });
});

describe.each(both)('warming (%s)', (transport) => {
  test('after a reconnect clusters are followed by their endpoints, asked for or not (envoy#13009 #33607, istio#39937)', () => {
    const wire = connected(transport);
    wire.ask(EDS, ['a', 'b']);
    wire.ack(EDS, ['a', 'b']);
    wire.ask(CDS);
    expect(wire.pushes()).toEqual(['EDS a,b', 'CDS a,b', 'EDS a,b']);
  });

  test('a name that there is not is answered (java-control-plane#127 #131, kuma#12098)', () => {
    const wire = connected(transport);
    wire.ask(EDS, ['x']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'EDS x' : 'EDS -x']); // SotW: an assignment without endpoints
    wire.ask(RDS, ['x']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'RDS' : 'RDS -x']);
  });

  test('a secret is sent again after a restart, although the client has it (gateway#9519)', () => {
    const wire = connected(transport);
    wire.commit([SDS, 's', '1']);
    wire.ask(SDS, ['s'], '', { has: { s: '1' } });
    expect(wire.pushes()).toEqual(['SDS s']);
  });

  test('endpoints that change alone are sent alone: not the whole type (istio#34949)', () => {
    const wire = settled(transport);
    wire.commit([EDS, 'a', '2']);
    expect(wire.pushes()).toEqual(['EDS a']);
    wire.ack(EDS, ['a', 'b']);
    wire.commit([CDS, 'b', '2']);
    expect(wire.pushes()).toEqual([transport === 'sotw' ? 'CDS a,b' : 'CDS b', 'EDS b']);
  });
});

describe('proxyless gRPC', () => {
  test('takes listeners and clusters by name, routes and endpoints over the same stream, and hears at once what there is not', () => {
    const wire = connected('sotw', 'gRPC Go');
    wire.ask(LDS, ['a', 'x']);
    expect(wire.pushes()).toEqual(['LDS a']); // a whole type: what is missing does not exist
    wire.ack(LDS, ['a', 'x']);
    wire.ask(RDS, ['a']);
    wire.ack(RDS, ['a']);
    wire.ask(CDS, ['b']);
    wire.ack(CDS, ['b']);
    wire.ask(EDS, ['b']);
    wire.ack(EDS, ['b']);
    expect(wire.pushes()).toEqual(['RDS a', 'CDS b', 'EDS b']);
    wire.commit([LDS, 'x', '1']);
    expect(wire.pushes()).toEqual(['LDS a,x']);
  });
});
