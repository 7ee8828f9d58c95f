import { describe, expect, test } from '@jest/globals';
import { Client, GRPC, PARTIAL, WHOLE, delta, resource, sotw } from './testing/subscription-client.ts';

describe('wildcard', () => {
  test.each(['sotw', 'delta'] as const)('a first request without names means all (%s)', (transport) => {
    const client = new Client(transport, WHOLE);
    expect(client.exchange(transport === 'sotw' ? sotw([]) : delta({}))?.names).toEqual(['a', 'b', 'c']);
    expect(client.subscription.wildcard).toBe(true);
  });

  test('a wildcard over nothing is answered with nothing, so that the client goes on', () => {
    for (const transport of ['sotw', 'delta'] as const) {
      const client = new Client(transport, WHOLE);
      client.view = new Map();
      expect(client.exchange(transport === 'sotw' ? sotw([]) : delta({}))).toEqual({ names: [], removed: [], unknown: [] });
      expect(client.nonce).toBe('n1');
    }
  });

  test('after a named subscription an empty one means nothing (go-control-plane#558)', () => {
    const client = new Client('sotw', WHOLE);
    expect(client.exchange(sotw(['a']))?.names).toEqual(['a']);
    expect(client.exchange(sotw([], { nonce: client.nonce }))).toBeUndefined();
    expect(client.subscription.wildcard).toBe(false);
    client.change(resource('b', '2'));
    expect(client.push()).toBeUndefined();
  });

  test('an empty request that repeats the legacy wildcard keeps it', () => {
    const client = new Client('sotw', WHOLE);
    client.exchange(sotw([]));
    expect(client.exchange(sotw([]))).toBeUndefined();
    expect(client.subscription.wildcard).toBe(true);
  });

  test('naming a resource ends the legacy wildcard in state of the world', () => {
    const client = new Client('sotw', WHOLE);
    client.exchange(sotw([]));
    expect(client.exchange(sotw(['b']))?.names).toEqual(['b']);
    expect(client.subscription.wildcard).toBe(false);
  });

  test('naming a resource does not end the legacy wildcard in delta', () => {
    const client = new Client('delta', WHOLE);
    client.exchange(delta({}));
    expect(client.exchange(delta({ subscribe: ['b'] }))?.names).toEqual(['b']);
    client.change(resource('c', '2'));
    expect(client.push()?.names).toEqual(['c']);
  });

  test('"*" beside names is a wildcard, and leaving it keeps the names', () => {
    const client = new Client('sotw', WHOLE);
    expect(client.exchange(sotw(['*', 'b']))?.names).toEqual(['a', 'b', 'c']);
    client.subscription.receive(sotw(['b']));
    client.change(resource('c', '2'));
    expect(client.push()).toBeUndefined();
    client.change(resource('b', '2'));
    expect(client.push()?.names).toEqual(['b']);
  });

  test('a delta client that unsubscribes from "*" gets no more of it', () => {
    const client = new Client('delta', WHOLE);
    client.exchange(delta({ subscribe: ['*', 'b'] }));
    client.subscription.receive(delta({ unsubscribe: ['*'] }));
    client.change(resource('a', '2'), resource('b', '2'));
    expect(client.push()?.names).toEqual(['b']);
  });

  test('for gRPC clients empty never means all', () => {
    const client = new Client('sotw', GRPC);
    expect(client.exchange(sotw([]))).toBeUndefined();
    expect(client.exchange(sotw(['a']))?.names).toEqual(['a']);
  });

  test('an Envoy whose last cluster went asks for no endpoints, not for all', () => {
    for (const first of [sotw([]), delta({})]) {
      expect(new Client(first.transport, PARTIAL).exchange(first)).toBeUndefined();
    }
  });

  test('an empty name is a name that we do not know', () => {
    expect(new Client('delta', WHOLE).exchange(delta({ subscribe: [''] }))?.removed).toEqual(['']);
    const client = new Client('sotw', WHOLE);
    expect(client.exchange(sotw(['']))?.names).toEqual([]);
    expect(client.subscription.wildcard).toBe(false);
  });
});

describe('names', () => {
  test('unsubscribing and subscribing again sends again what has not changed (go-control-plane#431)', () => {
    const state = new Client('sotw', PARTIAL);
    expect(state.exchange(sotw(['a', 'b']))?.names).toEqual(['a', 'b']);
    expect(state.exchange(sotw(['b']))).toBeUndefined();
    expect(state.exchange(sotw(['a', 'b']))?.names).toEqual(['a']);
    const incremental = new Client('delta', PARTIAL);
    incremental.exchange(delta({ subscribe: ['a'] }));
    incremental.exchange(delta({ unsubscribe: ['a'] }));
    expect(incremental.exchange(delta({ subscribe: ['a'] }))?.names).toEqual(['a']);
  });

  test('a name in both lists of one delta request is sent again', () => {
    const client = new Client('delta', PARTIAL);
    client.exchange(delta({ subscribe: ['a'] }));
    expect(client.exchange(delta({ subscribe: ['a'], unsubscribe: ['a'] }))?.names).toEqual(['a']);
  });

  test('subscribing to a subscribed name sends it again in delta', () => {
    const client = new Client('delta', PARTIAL);
    client.exchange(delta({ subscribe: ['a'] }));
    expect(client.exchange(delta({ subscribe: ['a'] }))?.names).toEqual(['a']);
  });

  test('unsubscribing a name under the wildcard says what it is, or that it is not', () => {
    const client = new Client('delta', WHOLE);
    client.exchange(delta({ subscribe: ['*', 'a', 'x'] }));
    expect(client.exchange(delta({ unsubscribe: ['a', 'x'] }))).toEqual({ names: ['a'], removed: ['x'], unknown: [] });
  });

  test('a name that we do not know is answered: unknown in state of the world, removed in delta (java-control-plane#127)', () => {
    expect(new Client('sotw', PARTIAL).exchange(sotw(['a', 'x']))).toEqual({ names: ['a'], removed: [], unknown: ['x'] });
    expect(new Client('delta', PARTIAL).exchange(delta({ subscribe: ['a', 'x'] }))).toEqual({
      names: ['a'],
      removed: ['x'],
      unknown: [],
    });
  });

  test('a name answered as removed is sent when it comes to exist (go-control-plane#488)', () => {
    const client = new Client('delta', PARTIAL);
    client.exchange(delta({ subscribe: ['x'] }));
    client.remove('x');
    expect(client.push()?.removed).toEqual(['x']);
    client.ack();
    client.change(resource('x'));
    expect(client.push()?.names).toEqual(['x']);
  });

  test('only what was asked for and changed is sent, in a type that may be sent in parts', () => {
    const client = new Client('sotw', PARTIAL);
    client.exchange(sotw(['a', 'b']));
    client.change(resource('a', '2'), resource('c', '2'));
    expect(client.push()?.names).toEqual(['a']);
  });

  test('a whole type is sent whole, since what is missing is deleted', () => {
    const client = new Client('sotw', WHOLE);
    client.exchange(sotw([]));
    client.change(resource('a', '2'));
    expect(client.push()?.names).toEqual(['a', 'b', 'c']);
    client.ack();
    client.remove('c');
    expect(client.push()?.names).toEqual(['a', 'b']);
    client.ack();
    for (const name of ['a', 'b']) client.remove(name);
    expect(client.push()?.names).toEqual([]);
    expect(client.nonce).toBe('n4');
  });

  test('a gone resource of a partial type is not sent: the client drops it when nothing names it', () => {
    const client = new Client('sotw', PARTIAL);
    client.exchange(sotw(['a']));
    client.remove('a');
    expect(client.push()).toEqual({ names: [], removed: [], unknown: [] });
    expect(client.nonce).toBe('n1');
  });
});
