import { describe, expect, test } from '@jest/globals';
import type { SourceEvent } from '@isthmus/model';
import type { Answer } from './answer.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure } from './failure.ts';
import type { Normalized } from './normalize.ts';
import { ScopeState } from './scope-state.ts';
import { ServiceReader } from './service-reader.ts';
import type { ReaderOptions } from './service-reader.ts';

test('a list that came before is not read again: of a thousand services it comes twenty times a second while weights change', () => {
  let looked = 0;
  const options = {
    scope: { source: 'consul', namespace: 'dc1', group: '' },
    state: { problem: () => undefined } as unknown as ScopeState,
    wants: (name: string) => {
      looked += 1;
      return name !== 'consul';
    },
    hasToken: false,
  };
  const reader = new ServiceReader(
    options as unknown as ReaderOptions,
    new AbortController().signal,
    async () => undefined,
    () => undefined,
  );
  const listed = (services: object, rest: Partial<Answer> = {}) =>
    reader.listed({ body: Buffer.from(JSON.stringify(services)), contentType: 'application/json', ...rest } as Answer);
  expect(listed({ consul: [], a: [], b: ['x'] }).names).toEqual(['a', 'b']);
  expect(looked).toBe(3);
  expect(listed({ consul: [], a: [], b: ['x'] })).toEqual({ names: ['a', 'b'], complete: true });
  expect(looked).toBe(3);
  // The same names, of which ACLs may have hidden some.
  expect(listed({ consul: [], a: [], b: ['x'] }, { filtered: true }).complete).toBe(false);
  expect(listed({ consul: [], a: [] }).names).toEqual(['a']);
  expect(listed({ consul: [], a: [], b: ['x'] }).names).toEqual(['a', 'b']);
  expect(() => listed({ consul: [], a: [], b: ['x'] }, { contentType: 'text/html' })).toThrow('HTML');
});

/** A reader in whose way the one question is held open that a test names; the service `orders` is known with one instance. */
async function held(what: 'decoder' | 'health' | 'verify' | 'services', answer: Partial<Answer> = {}) {
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const scope = { source: 'hq' as never, namespace: 'dc1', group: '' };
  const events: SourceEvent[] = [];
  const state = new ScopeState(scope, (event) => events.push(event), { now: () => 0 });
  state.startRead();
  state.put('orders', reading('10.0.0.1'), false);
  state.endRead(undefined);
  let wanted = true;
  const heldOpen = async <T>(name: string, value: T): Promise<T> => {
    if (name === what) {
      asked.resolve();
      await gate.promise;
    }
    return value;
  };
  const full = { index: 7, body: Buffer.from('{}'), contentType: 'application/json', ...answer } as Answer;
  let next = reading('10.0.0.2');
  const client = { health: () => heldOpen('health', full), services: () => heldOpen('services', full), server: 'consul' };
  const reader = new ServiceReader(
    {
      ...{ scope, state, hasToken: false, random: () => 0, wants: () => true },
      client: client as unknown as ConsulClient,
      decoder: { decode: () => heldOpen('decoder', next) } as unknown as ReaderOptions['decoder'],
    },
    new AbortController().signal,
    () => heldOpen('verify', undefined),
    () => undefined,
  );
  const gone = async (run: Promise<boolean>, failure?: ConsulFailure) => {
    await asked.promise;
    wanted = false;
    reader.forget('orders');
    events.length = 0;
    if (failure === undefined) gate.resolve();
    else gate.reject(failure);
    return { changed: await run, events, size: state.size, index: reader.index('orders') };
  };
  const isWanted = () => wanted;
  return {
    gone,
    says: (said: Normalized) => void (next = said),
    read: () => reader.read('orders', isWanted),
    take: () => reader.take('orders', full, true, isWanted),
  };
}

function reading(address: string): Normalized {
  const key = { source: 'hq' as never, namespace: 'dc1', group: '', name: 'orders' };
  const endpoint = { instanceId: `n1/${address}`, address, addressType: 'ip', port: 80, ports: [], health: 'healthy', weight: 1 };
  return { kind: 'record', record: { key, endpoints: [endpoint], metadata: {}, diagnostics: [] } } as unknown as Normalized;
}

describe('a service that goes while something is held open does not come back: nobody would ask about it again', () => {
  const nothing = { changed: false, events: [], size: 0, index: 0 };

  test('while a worker decodes its answer', async () => {
    const { gone, take } = await held('decoder');
    expect(await gone(take())).toEqual(nothing);
  });

  test('while it is read', async () => {
    const { gone, read } = await held('health');
    expect(await gone(read())).toEqual(nothing);
  });

  test('while a loss is read once more in full', async () => {
    const { gone, take } = await held('health', { streaming: true, denyByDefault: true });
    expect(await gone(take())).toEqual(nothing);
  });

  test('while Consul is asked whether it is still the one that was read', async () => {
    const { gone, read } = await held('verify');
    expect(await gone(read())).toEqual(nothing);
  });

  test('while the list is asked for: nor is it said that the service may be hidden', async () => {
    const { gone, take, says } = await held('services', { denyByDefault: true });
    says({ kind: 'none' });
    expect(await gone(take())).toEqual(nothing);
  });

  test('and an answer that cannot be used leaves no diagnostic about it', async () => {
    const { gone, read } = await held('health');
    expect(await gone(read(), new ConsulFailure('answer', 'no list', 'answer.invalid'))).toEqual(nothing);
  });
});
