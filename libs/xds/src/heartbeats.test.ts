import { expect, test } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import { anyIs, anyUnpack } from '@bufbuild/protobuf/wkt';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema, ResourceSchema } from '@isthmus/proto/discovery';
import { ADS } from './stream-profile.ts';
import type { StreamChannel } from './stream-options.ts';
import { Wire } from './testing/wire.ts';
import { EDS, RDS } from './type-urls.ts';

const both = ['sotw', 'delta'] as const;
const TTL = 30_000;
const ttls = new Map([[EDS, TTL]]);

/** A client of endpoints that expire; `said` is each response's resources as `name version ttl`, with `+` where it has a body. */
function client(transport: 'sotw' | 'delta', userAgentName = 'envoy') {
  const said: string[][] = [];
  const nonces: string[] = [];
  const channel: StreamChannel = {
    peer: { address: '127.0.0.1:1', identity: undefined },
    send: (message, done) => {
      const response = fromBinary(
        transport === 'sotw' ? DiscoveryResponseSchema : DeltaDiscoveryResponseSchema,
        Buffer.concat(message.parts),
      );
      const resources = response.resources.map((each) => {
        if (each.$typeName === 'envoy.service.discovery.v3.Resource') return each;
        return anyIs(each, ResourceSchema) ? anyUnpack(each, ResourceSchema) : undefined;
      });
      nonces.push(response.nonce);
      said.push(
        resources.map((each) =>
          each === undefined
            ? 'bare'
            : `${each.name} ${each.version} ${each.ttl?.seconds}${each.resource === undefined ? '' : '+'}`,
        ),
      );
      done();
    },
    end: () => undefined,
  };
  const wire = new Wire(transport, { profile: ADS, ttls, channel }).open();
  wire.node.userAgentName = userAgentName;
  wire.commit([EDS, 'a', '1'], [EDS, 'b', '1'], [EDS, 'c', '1'], [RDS, 'r', '1']);
  const names = ['a', 'b'];
  wire.ask(EDS, names);
  const ack = (error?: string): void =>
    wire.ask(EDS, transport === 'sotw' ? names : [], nonces.at(-1), error === undefined ? {} : { error });
  return { wire, said, ack, take: () => said.splice(0) };
}

test.each(both)(
  'what expires is sent with its TTL, and every third of it in the same version, in delta without a body (%s)',
  (transport) => {
    const { wire, ack, take } = client(transport);
    expect(take()).toEqual([['a 1 30+', 'b 1 30+']]);
    ack();
    const body = transport === 'sotw' ? '+' : ''; // Envoy loses what it hears of without one
    wire.pass(TTL / 3 - 1);
    expect(take()).toEqual([]);
    wire.pass(1);
    expect(take()).toEqual([[`a 1 30${body}`, `b 1 30${body}`]]);
    ack();
    wire.pass(TTL);
    expect(take()).toHaveLength(3);
  },
);

test.each(both)('nothing is said before the client has answered, and then soon (%s)', (transport) => {
  const { wire, ack, take } = client(transport);
  take();
  wire.pass(TTL / 3);
  expect(take()).toEqual([]);
  ack();
  wire.pass(TTL / 12);
  expect(take()).toHaveLength(1);
});

test('what was rejected is not kept alive in a version that the client has not (delta)', () => {
  const { wire, ack, take } = client('delta');
  ack();
  wire.commit([EDS, 'a', '2']);
  take();
  ack('Error adding/updating resource(s) a: no');
  wire.pass(TTL / 3);
  expect(take().map((names) => names.map((name) => name.slice(0, 1)))).toEqual([['b']]);
});

test.each(both)('a change goes out with its TTL at once, and the others are told of as before (%s)', (transport) => {
  const { wire, ack, take } = client(transport);
  ack();
  take();
  wire.commit([EDS, 'a', '2']);
  expect(take()).toEqual([['a 2 30+']]);
  ack();
  wire.pass(TTL / 3);
  expect(take()[0]).toHaveLength(2);
});

test.each(both)('types without a TTL are as they were, and a stream that ended says nothing (%s)', (transport) => {
  const { wire, ack, take } = client(transport);
  ack();
  take();
  wire.ask(RDS, ['r']);
  expect(take()).toEqual([transport === 'sotw' ? ['bare'] : ['r 1 undefined+']]);
  wire.stream.close();
  wire.pass(TTL);
  expect(take()).toEqual([]);
});

test('a gRPC client is sent no TTL', () => {
  const { wire, take } = client('sotw', 'gRPC Node');
  expect(take()).toEqual([['bare', 'bare']]);
  wire.pass(TTL);
  expect(take()).toEqual([]);
});
