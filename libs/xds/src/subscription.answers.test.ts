import { describe, expect, test } from '@jest/globals';
import { CLUSTERS, Client, PARTIAL, WHOLE, delta, resource, sotw } from './testing/subscription-client.ts';

const rejected = { code: 13, message: 'bad' };

describe('nonces', () => {
  test('a first request with a nonce that we never gave is a first request (istiod)', () => {
    const client = new Client('sotw', WHOLE);
    expect(client.subscription.receive(sotw([], { nonce: 'istiod-1' }))).toEqual({ kind: 'none' });
    expect(client.push()?.names).toEqual(['a', 'b', 'c']);
  });

  test('the answer to the last response is its ACK', () => {
    const client = new Client('sotw', PARTIAL);
    client.subscription.receive(sotw(['a']));
    client.push();
    expect(client.subscription.receive(sotw(['a'], { nonce: 'n1' }))).toEqual({ kind: 'ack' });
    expect(client.push()).toBeUndefined();
  });

  test('while a response is not answered the newest content waits, and goes once', () => {
    const client = new Client('sotw', PARTIAL);
    client.subscription.receive(sotw(['a', 'b']));
    client.push();
    client.change(resource('a', '2'));
    client.change(resource('a', '3'));
    expect(client.push()).toBeUndefined();
    client.ack();
    expect(client.push()?.names).toEqual(['a']);
  });

  test('a request with an old nonce acknowledges nothing, but its names count (envoy#10363)', () => {
    const client = new Client('sotw', PARTIAL);
    client.exchange(sotw(['a']));
    client.change(resource('a', '2'));
    client.push();
    expect(client.subscription.receive(sotw(['a', 'b'], { nonce: 'n1' }))).toEqual({ kind: 'none' });
    expect(client.push()).toBeUndefined();
    client.ack();
    expect(client.push()?.names).toEqual(['b']);
  });

  test('a delta request with an old nonce still subscribes and unsubscribes (envoy#16659)', () => {
    const client = new Client('delta', PARTIAL);
    client.exchange(delta({ subscribe: ['a'] }));
    client.change(resource('a', '2'));
    client.push();
    client.subscription.receive(delta({ subscribe: ['b'], unsubscribe: ['a'], nonce: 'n1' }));
    client.ack();
    expect(client.push()?.names).toEqual(['b']);
    client.ack();
    client.change(resource('a', '3'));
    expect(client.push()).toBeUndefined();
  });

  test('an ACK that also changes the names is both', () => {
    const client = new Client('sotw', PARTIAL);
    client.subscription.receive(sotw(['a']));
    client.push();
    expect(client.subscription.receive(sotw(['a', 'b'], { nonce: 'n1' }))).toEqual({ kind: 'ack' });
    expect(client.push()?.names).toEqual(['b']);
  });
});

describe('NACK', () => {
  test.each(['sotw', 'delta'] as const)('what was rejected is not sent again until it changes (%s)', (transport) => {
    const client = new Client(transport, PARTIAL);
    client.exchange(transport === 'sotw' ? sotw(['a']) : delta({ subscribe: ['a'] }));
    client.change(resource('a', '2'));
    client.push();
    const nack = { nonce: client.nonce, error: rejected };
    const answer = client.subscription.receive(transport === 'sotw' ? sotw(['a'], nack) : delta(nack));
    expect(answer).toEqual({ kind: 'nack', error: rejected });
    expect(client.push()).toBeUndefined();
    client.change(resource('a', '3'));
    expect(client.push()?.names).toEqual(['a']);
  });

  test('what was good of a rejected response is sent once more and alone, so that the client notes its versions (delta)', () => {
    const client = new Client('delta', WHOLE);
    client.subscription.receive(delta({ subscribe: ['*'] }));
    expect(client.push()?.names).toEqual(['a', 'b', 'c']);
    client.subscription.receive(delta({ nonce: client.nonce, error: { code: 13, message: 'listener b: no' } }));
    expect(client.push()?.names).toEqual(['a', 'c']);
    client.subscription.receive(delta({ nonce: client.nonce, error: { code: 13, message: 'listener c: no' } }));
    expect(client.push()?.names).toEqual(['a']);
    client.subscription.receive(delta({ nonce: client.nonce, error: { code: 13, message: 'no' } }));
    expect(client.push()).toBeUndefined();
    expect(client.subscription.rejected).toEqual(['b', 'c', 'a']);
  });

  test('a rejected whole type waits for a change, and then goes whole', () => {
    const client = new Client('sotw', WHOLE);
    client.subscription.receive(sotw([]));
    client.push();
    client.subscription.receive(sotw([], { nonce: 'n1', error: rejected }));
    expect(client.push()).toBeUndefined();
    client.change(resource('a', '2'));
    expect(client.push()?.names).toEqual(['a', 'b', 'c']);
  });

  test('what changed while the rejected response was under way is sent', () => {
    const client = new Client('delta', PARTIAL);
    client.subscription.receive(delta({ subscribe: ['a', 'b'] }));
    client.push();
    client.change(resource('b', '2'));
    client.subscription.receive(delta({ nonce: 'n1', error: rejected }));
    expect(client.push()?.names).toEqual(['b']);
  });

  test('the NACK of an older response parks nothing', () => {
    const client = new Client('sotw', PARTIAL);
    client.exchange(sotw(['a']));
    client.change(resource('a', '2'));
    client.push();
    expect(client.subscription.receive(sotw(['a'], { nonce: 'n1', error: rejected }))).toEqual({ kind: 'none' });
    expect(client.subscription.inFlight?.nonce).toBe('n2');
  });
});

describe('reconnecting', () => {
  test('a delta wildcard leaves out what the client has, and removes what is gone (istio#41494)', () => {
    const client = new Client('delta', WHOLE);
    const has = new Map([
      ['a', '1'],
      ['b', '0'],
      ['gone', '1'],
    ]);
    expect(client.exchange(delta({ initialVersions: has }))).toEqual({ names: ['b', 'c'], removed: ['gone'], unknown: [] });
  });

  test('a subscribed name is sent even in the version that the client has (envoy#22418)', () => {
    const client = new Client('delta', PARTIAL);
    const has = new Map([
      ['a', '1'],
      ['x', '1'],
    ]);
    expect(client.exchange(delta({ subscribe: ['a', 'x'], initialVersions: has }))).toEqual({
      names: ['a'],
      removed: ['x'],
      unknown: [],
    });
    const both = new Client('delta', WHOLE);
    expect(both.exchange(delta({ subscribe: ['*', 'a'], initialVersions: has }))?.names).toEqual(['a', 'b', 'c']);
  });

  test('a state-of-the-world client gets all again, whatever version it says to have', () => {
    expect(new Client('sotw', WHOLE).exchange(sotw([]))?.names).toEqual(['a', 'b', 'c']);
  });

  test('endpoints are sent again when their cluster warms, but never to who does not want them (envoy#13009)', () => {
    const client = new Client('sotw', PARTIAL);
    client.exchange(sotw(['a']));
    for (const name of ['a', 'b']) client.subscription.ask(name);
    expect(client.push()?.names).toEqual(['a']);
  });
});

describe('retiring', () => {
  test.each(['sotw', 'delta'] as const)('a removed cluster stays until it is released (%s)', (transport) => {
    const client = new Client(transport, CLUSTERS);
    client.exchange(transport === 'sotw' ? sotw([]) : delta({}));
    client.retire('c');
    expect(client.push()).toBeUndefined();
    client.change(resource('a', '2'));
    expect(client.push()?.names).toEqual(transport === 'sotw' ? ['a', 'b', 'c'] : ['a']);
    client.ack();
    client.release('c');
    expect(client.push()).toEqual(
      transport === 'sotw' ? { names: ['a', 'b'], removed: [], unknown: [] } : { names: [], removed: ['c'], unknown: [] },
    );
  });

  test.each(['sotw', 'delta'] as const)('who asks for a retiring one gets it, also when it asked before (%s)', (transport) => {
    const client = new Client(transport, PARTIAL);
    client.subscription.receive(transport === 'sotw' ? sotw(['c']) : delta({ subscribe: ['c'] }));
    client.retire('c');
    expect(client.push()?.names).toEqual(['c']);
  });

  test('a cluster that comes back is no longer retiring', () => {
    const client = new Client('delta', CLUSTERS);
    client.exchange(delta({}));
    client.retire('c');
    client.retiring.delete('c');
    client.change(resource('c', '2'));
    expect(client.push()).toEqual({ names: ['c'], removed: [], unknown: [] });
  });
});

describe('leftovers', () => {
  const has = new Map([
    ['a', '1'],
    ['gone', '1'],
  ]);

  test('what a returning client has and we do not know is taken from it when it is told so', () => {
    const client = new Client('delta', CLUSTERS);
    expect(client.exchange(delta({ initialVersions: has }))).toEqual({ names: ['b', 'c'], removed: [], unknown: [] });
    expect([...client.subscription.leftovers]).toEqual(['gone']);
    client.subscription.drop();
    expect(client.push()?.removed).toEqual(['gone']);
  });

  test('what comes to exist meanwhile is no leftover', () => {
    const client = new Client('delta', CLUSTERS);
    client.exchange(delta({ initialVersions: has }));
    client.change(resource('gone', '2'));
    client.subscription.drop();
    expect(client.push()).toEqual({ names: ['gone'], removed: [], unknown: [] });
  });
});
