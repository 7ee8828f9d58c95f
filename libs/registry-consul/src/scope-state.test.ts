import { expect, test } from '@jest/globals';
import type { SourceEvent } from '@isthmus/model';
import type { Normalized } from './normalize.ts';
import { ScopeState } from './scope-state.ts';

test('of a Consul that lost its data it is said since when it is read again: what it drops later waits no second grace', () => {
  const said: SourceEvent[] = [];
  const clock = { time: 1_000, now: () => clock.time };
  const state = new ScopeState({ source: 'hq' as never, namespace: 'dc1', group: '' }, (event) => said.push(event), clock);
  const read = (lostData?: string) => {
    state.startRead();
    state.put('orders', { kind: 'record', record: { key: { name: 'orders' }, endpoints: [] } } as unknown as Normalized, false);
    state.endRead(lostData);
  };
  const status = () => said.findLast(({ kind }) => kind === 'status');
  read();
  clock.time = 61_000;
  state.lost('no answer', 5_000);
  expect(status()).toMatchObject({ status: { state: 'stale', since: 56_000 } });
  expect(status()).not.toHaveProperty('status.backSince');
  clock.time = 80_000;
  read('an older state');
  const held = { state: 'stale', since: 56_000, cause: 'an older state', backSince: 80_000 };
  expect(status()).toMatchObject({ status: held });
  clock.time = 90_000;
  state.settle();
  expect(status()).toMatchObject({ status: held });
  state.release();
  expect(status()).toMatchObject({ status: { state: 'live' } });
});
