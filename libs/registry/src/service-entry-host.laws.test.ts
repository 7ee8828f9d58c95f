import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import fc from 'fast-check';
import { ServiceEntryHost } from './service-entry-host.ts';
import { selects, serviceEntryRecord } from './service-entry-record.ts';
import type { PlainServiceEntry, PlainWorkload } from './service-entry-record.ts';

const key = { source: parseSourceId('fixed'), namespace: '', group: '', name: 'orders.mesh' };

/** Few of each, so that addresses are shared, targets are the same for two ports, and some are no addresses. */
const anyWorkload = fc.record<PlainWorkload>({
  name: fc.constantFrom('shop/a', 'shop/b', 'shop/c', 'shop/d'),
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'db.test', '0.0.0.0'),
  ports: fc.constantFrom<PlainWorkload['ports']>({}, { http: 8080 }, { http: 8080, grpc: 8080 }),
  labels: fc.constantFrom<PlainWorkload['labels']>({ app: 'a' }, { app: 'b' }, { app: 'a', 'odd label': 'x y' }),
  network: fc.constant(''),
  locality: fc.constantFrom('', 'eu/a'),
  weight: fc.constantFrom(0, 1, 5),
  serviceAccount: fc.constant(''),
});
const anyPort = fc.constantFrom(
  { number: 80, name: 'http', protocol: 'HTTP', targetPort: 0 },
  { number: 81, name: 'grpc', protocol: 'GRPC', targetPort: 80 },
  { number: 82, name: 'odd', protocol: 'none', targetPort: 80 },
);
const anyEntry = fc.record<PlainServiceEntry>({
  namespace: fc.constantFrom('shop', 'shop', 'other'),
  name: fc.constantFrom('one', 'two', 'three'),
  createdAt: fc.constantFrom(0, 1),
  annotations: fc.constantFrom<PlainServiceEntry['annotations']>({}, { 'isthmus.dev/origins': 'x/a/b/c' }),
  hosts: fc.constant(['orders.mesh']),
  addresses: fc.constant([]),
  ports: fc.uniqueArray(anyPort, { minLength: 1, selector: ({ number }) => number }),
  resolution: fc.constantFrom('static', 'dns', 'dns-round-robin'),
  endpoints: fc.array(anyWorkload, { maxLength: 2 }).map((all) => all.map((one) => ({ ...one, name: '' }))),
  selector: fc.constantFrom<PlainServiceEntry['selector']>(undefined, { app: 'a' }, { app: 'b' }),
  exportTo: fc.constant([]),
});
const entries = fc.uniqueArray(anyEntry, {
  minLength: 1,
  maxLength: 3,
  selector: ({ namespace, name }) => `${namespace}/${name}`,
});
const steps = fc.array(fc.tuple(anyWorkload, fc.boolean()), { maxLength: 20 });

function begin(all: readonly PlainServiceEntry[], known: Map<string, PlainWorkload>) {
  const chosen = (entry: PlainServiceEntry) =>
    [...known.values()].filter(({ labels }) => entry.namespace === 'shop' && selects(entry, labels));
  const host = new ServiceEntryHost(key, all, chosen);
  const many = [...host.fill()].length;
  const take = (workload: PlainWorkload, isThere: boolean): void => {
    for (const entry of all) {
      if (entry.namespace !== 'shop' || !selects(entry, workload.labels)) continue;
      host.change(entry, workload.name, isThere ? workload : undefined);
    }
  };
  return { host, many, take, full: () => serviceEntryRecord(key, all, chosen) };
}

describe('the record of a host whose workloads come and go', () => {
  test('is always the one that is made of all of them anew', () => {
    fc.assert(
      fc.property(entries, steps, steps, (all, first, then) => {
        const known = new Map(first.map(([workload]) => [workload.name, workload]));
        const { host, take, full } = begin(all, known);
        expect(host.record()).toEqual(full());
        for (const [workload, isThere] of then) {
          const before = known.get(workload.name);
          known.delete(workload.name);
          if (before !== undefined) take(before, false);
          if (isThere) known.set(workload.name, workload);
          if (isThere) take(workload, true);
          expect(host.record()).toEqual(full());
        }
      }),
    );
  });

  const one = (at: number, more: Partial<PlainWorkload> = {}): PlainWorkload => ({
    ...{ name: `shop/vm-${at}`, address: `10.1.${at >> 8}.${at % 256}`, ports: {}, labels: { app: 'a' } },
    ...{ network: '', locality: '', weight: 0, serviceAccount: '', ...more },
  });
  const many = (count: number) => new Map(Array.from({ length: count }, (_, at) => [`shop/vm-${at}`, one(at)] as const));
  const entry: PlainServiceEntry = {
    ...{ namespace: 'shop', name: 'orders', createdAt: 0, annotations: {}, hosts: ['orders.mesh'], addresses: [] },
    ...{ ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 0 }], resolution: 'static', endpoints: [] },
    ...{ selector: { app: 'a' }, exportTo: [] },
  };

  test('has the endpoints of the others as they were', () => {
    const known = many(20);
    const { host, take } = begin([entry], known);
    const before = host.record();
    take(one(20), true);
    const after = host.record();
    if (!('record' in before) || !('record' in after)) throw new Error('a record is refused');
    expect(after.record.endpoints.length).toBe(21);
    expect(before.record.endpoints.filter((endpoint) => !after.record.endpoints.includes(endpoint))).toEqual([]);
  });

  test('is made in steps of one workload', () => {
    expect(begin([entry], many(1_000)).many).toBe(1_000);
  });

  test('beyond the most is that of all anew, too', () => {
    const known = many(50_001);
    const { host, full } = begin([entry], known);
    expect(host.record()).toEqual(full());
  });
});
