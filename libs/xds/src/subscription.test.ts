import { describe, expect, test } from '@jest/globals';
import type { Resource } from '@isthmus/model';
import type { DeltaRequest, SotwRequest } from './discovery-request.ts';
import { Subscription } from './subscription.ts';
import type { SubscriptionRules } from './subscription.ts';

const WHOLE: SubscriptionRules = { wholeType: true, emptyIsWildcard: true }; // CDS, LDS
const PARTIAL: SubscriptionRules = { wholeType: false, emptyIsWildcard: false }; // EDS, RDS
const GRPC: SubscriptionRules = { wholeType: true, emptyIsWildcard: false };

const request = { node: undefined, type: 'T', nonce: '', error: undefined };
const sotw = (names: string[], more: Partial<SotwRequest> = {}): SotwRequest => ({
  ...request,
  ...more,
  transport: 'sotw',
  names,
});
const delta = (more: Partial<DeltaRequest>): DeltaRequest => ({
  ...request,
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  ...more,
  transport: 'delta',
});
const resource = (name: string, version = '1'): Resource => ({ name, version, bytes: Buffer.from(name + version) });
const viewOf = (...names: string[]): Map<string, Resource> => new Map(names.map((name) => [name, resource(name)]));
const rejected = { code: 13, message: 'bad' };

/** A subscription with its view; `push` sends what is due under the next nonce. */
class Client {
  readonly subscription: Subscription;
  readonly transport: 'sotw' | 'delta';
  view = viewOf('a', 'b', 'c');
  nonce = '';
  #count = 0;

  constructor(transport: 'sotw' | 'delta', rules: SubscriptionRules) {
    this.transport = transport;
    this.subscription = new Subscription(rules);
  }

  push(): { names: string[]; removed: readonly string[]; unknown: readonly string[] } | undefined {
    const push = this.subscription.next(this.transport, this.view);
    if (push === undefined) return undefined;
    const names = [...push.resources].map(({ name }) => name);
    if (names.length > 0 || push.removed.length > 0 || push.unknown.length > 0 || push.answers) {
      this.nonce = `n${(this.#count += 1)}`;
      this.subscription.sent({ nonce: this.nonce, version: 'v', at: 0 });
    }
    return { names, removed: push.removed, unknown: push.unknown };
  }

  /** Receives, pushes what follows, and ACKs it. */
  exchange(message: SotwRequest | DeltaRequest): ReturnType<Client['push']> {
    this.subscription.receive(message);
    const pushed = this.push();
    if (this.subscription.inFlight !== undefined) this.ack();
    return pushed;
  }

  ack(): void {
    const names = [...this.subscription.names, ...(this.subscription.wildcard && this.subscription.names.size > 0 ? ['*'] : [])];
    this.subscription.receive(this.transport === 'sotw' ? sotw(names, { nonce: this.nonce }) : delta({ nonce: this.nonce }));
  }

  change(...resources: Resource[]): void {
    for (const one of resources) this.view.set(one.name, one);
    this.subscription.changed(new Map(resources.map((one) => [one.name, one])));
  }

  remove(name: string): void {
    this.view.delete(name);
    this.subscription.changed(new Map([[name, undefined]]));
  }
}

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
  const gone = new Map([['c', resource('c')]]);
  const change = new Map([['c', undefined]]);

  test.each(['sotw', 'delta'] as const)('a removed cluster stays until it is released (%s)', (transport) => {
    const client = new Client(transport, WHOLE);
    client.exchange(transport === 'sotw' ? sotw([]) : delta({}));
    client.view.delete('c');
    client.subscription.changed(change, gone);
    expect(client.push()).toBeUndefined();
    client.change(resource('a', '2'));
    expect(client.push()?.names).toEqual(transport === 'sotw' ? ['a', 'b', 'c'] : ['a']);
    client.ack();
    client.subscription.release();
    expect(client.push()).toEqual(
      transport === 'sotw' ? { names: ['a', 'b'], removed: [], unknown: [] } : { names: [], removed: ['c'], unknown: [] },
    );
  });

  test('a cluster that comes back is no longer retiring', () => {
    const client = new Client('delta', WHOLE);
    client.exchange(delta({}));
    client.view.delete('c');
    client.subscription.changed(change, gone);
    client.change(resource('c', '2'));
    client.subscription.release();
    expect(client.push()).toEqual({ names: ['c'], removed: [], unknown: [] });
  });
});
