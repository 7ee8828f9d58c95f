import { describe, expect, test } from '@jest/globals';
import { MCP } from './stream-profile.ts';
import { Wire } from './testing/wire.ts';

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

describe('MCP to a client that takes deltas', () => {
  const SE = 'networking.istio.io/v1/ServiceEntry';
  const mcp = (): Wire => new Wire('delta', { profile: MCP }).open();

  test('answers the wildcard with all there is, and a type without anything with an empty response, which completes it', () => {
    const wire = mcp();
    wire.commit([SE, 'a', '1'], [SE, 'b', '1']);
    wire.ask(SE);
    wire.ask('networking.istio.io/v1/Gateway', ['*']);
    expect(wire.pushes()).toEqual([`${SE} a,b`, 'networking.istio.io/v1/Gateway']);
  });

  test('then says just what changed and what is gone', () => {
    const wire = mcp();
    wire.commit([SE, 'a', '1'], [SE, 'b', '1'], [SE, 'c', '1']);
    wire.ask(SE);
    wire.ack(SE);
    wire.pushes();
    wire.commit([SE, 'a', '2']);
    wire.ack(SE);
    wire.commit([SE, 'b'], [SE, 'd', '1']);
    expect(wire.pushes()).toEqual([`${SE} a`, `${SE} d,-b`]);
  });

  test('joins what changes while a response is unanswered into one, without a pause after it', () => {
    const wire = mcp();
    wire.commit([SE, 'a', '1'], [SE, 'b', '1']);
    wire.ask(SE);
    wire.pass(300);
    wire.commit([SE, 'a', '2']);
    wire.commit([SE, 'a', '3']);
    wire.commit([SE, 'b']);
    expect(wire.pushes()).toEqual([`${SE} a,b`]);
    wire.ack(SE);
    expect(wire.pushes()).toEqual([`${SE} a,-b`]);
  });
});
