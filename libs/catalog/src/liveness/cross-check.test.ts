import { describe, expect, test } from '@jest/globals';
import type { ServiceId, Workload } from '@isthmus/model';
import { crossChecked, gone, live, runs, stale } from '../testing/cross-checked.ts';
import { endpoint, record } from '../testing/records.ts';
import { workload, workloadSnapshot } from '../testing/workloads.ts';
import { EVICTIONS } from './eviction-guard.ts';

const ordersAt = (...addresses: readonly string[]) =>
  record(
    'orders',
    addresses.map((address) => endpoint({ address })),
  );
const pods = (count: number, fields: Partial<Workload> = {}) =>
  Array.from({ length: count }, (_, n) => workload(`orders-${n}`, { addresses: [`10.0.1.${n}`], ...fields }));

describe('the cross-check', () => {
  test('a Pod that goes takes its endpoint with it while the registry still lists it (nacos#12707, nacos#7297)', () => {
    const { list, say, sees, check } = crossChecked();
    list(ordersAt('10.0.0.1', '10.0.0.2'));
    say(workloadSnapshot([workload('orders-1'), workload('orders-2', { addresses: ['10.0.0.2'] })]), live);
    expect(sees()).toEqual(['10.0.0.1:8080 healthy', '10.0.0.2:8080 healthy']);
    expect([...say(gone('orders-1'))]).toEqual(['a/ns/g/orders']);
    expect(sees()).toEqual(['10.0.0.1:8080 evicted', '10.0.0.2:8080 healthy']);
    expect([...check.evictions()].map((l) => l.eviction)).toMatchObject([{ cause: 'pod-gone', pod: 'shop/orders-1' }]);
  });

  test('a Pod that goes takes the endpoints of all declared ports that lead to it, as one listing', () => {
    const { list, say, sees, check } = crossChecked();
    const both = () => record('orders', [endpoint({ portName: 'http-web' }), endpoint({ portName: 'http-admin' })]);
    list(both());
    say(workloadSnapshot([workload('orders-1')]), live, gone('orders-1'));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted', '10.0.0.1:8080 evicted']);
    list(both());
    expect([...check.evictions()]).toHaveLength(1);
    say(runs(workload('orders-1')));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy', '10.0.0.1:8080 healthy']);
  });

  test('an endpoint comes back with its Pod', () => {
    const { list, say, sees, ledger } = crossChecked();
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('orders-1', { ready: false })]), live);
    expect(sees()).toEqual(['10.0.0.1:8080 evicted']);
    expect(ledger.entries('evicted').size).toBe(1);
    say(runs(workload('orders-1')));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
    expect(ledger.entries('evicted').size).toBe(0);
  });

  test('what a registry lists of a Pod that is not there is evicted as soon as it is listed', () => {
    const { list, say, sees } = crossChecked();
    say(workloadSnapshot([]), live);
    list(ordersAt('10.0.0.1', '192.168.0.1'));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted', '192.168.0.1:8080 healthy']);
  });

  test('a view that was never complete, or is stale, evicts nothing', () => {
    const { list, say, sees } = crossChecked();
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([]));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
    say(runs(workload('orders-1')), live, stale, gone('orders-1'));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
  });

  test('where the Pods of some namespaces only are known, an address without a Pod proves nothing, and a Pod that goes does', () => {
    const { list, say, sees } = crossChecked();
    list(ordersAt('10.0.0.1', '10.0.0.2'));
    say(workloadSnapshot([workload('orders-1')]), { kind: 'status', status: { state: 'partial', cause: 'shop only' } });
    expect(sees()).toEqual(['10.0.0.1:8080 healthy', '10.0.0.2:8080 healthy']);
    say(gone('orders-1'));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted', '10.0.0.2:8080 healthy']);
  });

  test('what was evicted stays evicted while the view is stale, and is judged anew when it is live', () => {
    const { list, say, sees } = crossChecked();
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([]), live, stale);
    expect(sees()).toEqual(['10.0.0.1:8080 evicted']);
    say(workloadSnapshot([workload('orders-1')]));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted']);
    say(live);
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
  });

  test('a bridge that starts again knows what it evicted, also of an address that is in no range', () => {
    const before = crossChecked({ podCidrs: [] });
    before.list(ordersAt('10.0.0.1'));
    before.say(workloadSnapshot([workload('orders-1')]), live, gone('orders-1'));
    expect(before.sees()).toEqual(['10.0.0.1:8080 evicted']);
    const after = crossChecked({ podCidrs: [], ledger: before.ledger });
    after.list(ordersAt('10.0.0.1'));
    expect(after.sees()).toEqual(['10.0.0.1:8080 evicted']);
    after.say(workloadSnapshot([]), live);
    expect(after.sees()).toEqual(['10.0.0.1:8080 evicted']);
  });

  test('what is listed no more when a bridge starts again is forgotten', () => {
    const before = crossChecked();
    before.list(ordersAt('10.0.0.1', '10.0.0.2'));
    before.say(workloadSnapshot([]), live);
    const after = crossChecked({ ledger: before.ledger });
    after.list(ordersAt('10.0.0.2'));
    after.say(workloadSnapshot([]), live);
    expect([...before.ledger.entries('evicted').keys()]).toEqual(['a/ns/g/orders 10.0.0.2 8080']);
  });

  test('an address that is registered anew is judged anew', () => {
    const { list, say, sees } = crossChecked({ podCidrs: [] });
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('orders-1')]), live, gone('orders-1'));
    list(ordersAt());
    list(ordersAt('10.0.0.1')); // a machine that has the address now
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
  });

  test('an address that went to another workload is not of the service any more', () => {
    const { list, say, sees } = crossChecked();
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('orders-1')]), live, gone('orders-1'), runs(workload('payments-1', { owner: 'payments' })));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted']);
  });

  test('a Pod that shows up by the name of a service makes names count for it', () => {
    const { list, say, sees } = crossChecked();
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('payments-1', { owner: 'payments' })]), live);
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
    say(runs(workload('orders-1', { addresses: ['10.0.0.9'] })));
    expect(sees()).toEqual(['10.0.0.1:8080 evicted']);
    say(gone('orders-1'));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
  });

  test("a Pod's event costs the services that list its addresses, whatever the others are", () => {
    const { list, say } = crossChecked();
    for (let n = 0; n < 200; n += 1) list(record(`other-${n}`, [endpoint({ address: `172.16.0.${n}` })]));
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('orders-1')]), live);
    expect([...say(runs(workload('orders-1', { ready: false })))]).toEqual(['a/ns/g/orders']);
  });
});

describe('the guard of evictions', () => {
  const twenty = () => ordersAt(...pods(20).map((pod) => pod.addresses[0] as string));
  const evicted = (sees: readonly string[]) => sees.filter((text) => text.endsWith('evicted')).length;

  test('more than the share in one event is held, shown, and goes when it is confirmed', () => {
    const { list, say, sees, check, clock } = crossChecked();
    list(twenty());
    say(workloadSnapshot(pods(20)), live, workloadSnapshot(pods(5)));
    expect(evicted(sees())).toBe(0);
    expect(check.guard.held()).toEqual([
      { scope: 'a/ns/g', since: clock.time, removing: 15, of: 20, services: ['a/ns/g/orders'] },
    ]);
    expect(check.guard.nextConfirmation()).toBe(clock.time + 30_000);
    const dirty = new Set<ServiceId>();
    clock.time += 29_999;
    check.confirmDue(dirty);
    expect(evicted(sees())).toBe(0);
    clock.time += 1;
    check.confirmDue(dirty);
    expect([...dirty]).toEqual(['a/ns/g/orders']);
    expect(evicted(sees())).toBe(15);
    expect(check.guard.held()).toEqual([]);
  });

  test('an operator lets it through', () => {
    const { list, say, sees, check } = crossChecked();
    list(twenty());
    say(workloadSnapshot(pods(20)), live, workloadSnapshot([]));
    const dirty = new Set<ServiceId>();
    expect(check.release('a/ns/g', dirty)).toBeUndefined(); // that is the scope's own removals
    expect(check.release(`${EVICTIONS}a/ns/g`, dirty)).toBe(20);
    expect(evicted(sees())).toBe(20);
  });

  test('one by one counts like at once: what is beyond the share waits', () => {
    const { list, say, sees } = crossChecked();
    list(twenty());
    say(workloadSnapshot(pods(20)), live, ...pods(20).map((_, n) => gone(`orders-${n}`)));
    expect(evicted(sees())).toBe(10);
  });

  test('what comes back meanwhile is not evicted, and time without a live view confirms nothing', () => {
    const { list, say, sees, check, clock } = crossChecked();
    list(twenty());
    say(workloadSnapshot(pods(20)), live, workloadSnapshot([]), stale);
    clock.time += 60_000;
    check.confirmDue(new Set());
    expect(evicted(sees())).toBe(0);
    say(workloadSnapshot(pods(18)), live);
    expect(evicted(sees())).toBe(2);
    expect(check.guard.held()).toEqual([]);
  });
});

describe('a Ready Pod that the registry does not list yet', () => {
  const rule = { matches: () => true, namespaces: ['shop'], port: undefined };
  const pod = (fields: Partial<Workload> = {}) =>
    workload('orders-2', { addresses: ['10.0.0.2'], ports: [{ name: 'http', port: 8080 }], ...fields });

  test('is admitted, and leaves when the registry lists it or when it goes', () => {
    const { list, say, sees, check } = crossChecked({ admit: [rule] });
    list(ordersAt('10.0.0.1'));
    say(workloadSnapshot([workload('orders-1')]), live);
    expect([...say(runs(pod()))]).toEqual(['a/ns/g/orders']);
    expect(sees()).toEqual(['10.0.0.1:8080 healthy', '10.0.0.2:8080 healthy']);
    expect(check.admitted).toBe(1);
    list(ordersAt('10.0.0.1', '10.0.0.2'));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy', '10.0.0.2:8080 healthy']);
    expect(check.admitted).toBe(0);
    list(ordersAt('10.0.0.1'));
    expect(check.admitted).toBe(1);
    say(gone('orders-2'));
    expect(sees()).toEqual(['10.0.0.1:8080 healthy']);
  });

  test('is not admitted without a rule, from another namespace, under another name, unready, or without one port', () => {
    const admitted = (w: Workload, admit = [rule]) => {
      const { list, say, check } = crossChecked({ admit });
      list(ordersAt('10.0.0.1'));
      say(workloadSnapshot([workload('orders-1'), w]), live);
      return check.admitted;
    };
    expect(admitted(pod())).toBe(1);
    expect(admitted(pod(), [])).toBe(0);
    expect(admitted(pod({ id: 'staging/orders-2' }))).toBe(0);
    expect(admitted(pod({ owner: 'payments' }))).toBe(0);
    expect(admitted(pod({ ready: false }))).toBe(0);
    expect(admitted(pod({ ports: [] }))).toBe(0);
    expect(admitted(pod({ ports: [], annotations: { 'isthmus.dev/port': '8080' } }))).toBe(1);
  });
});
