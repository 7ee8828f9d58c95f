import { describe, expect, test } from '@jest/globals';
import { CrossCheck, DEFAULT_OWNERSHIP } from '@isthmus/catalog';
import { endpoint, record, workload, workloadSnapshot } from '@isthmus/catalog/testing';
import type { CorrectConfig } from '@isthmus/config';
import { MemoryLedger } from '@isthmus/ledger';
import { IsthmusError, serviceId } from '@isthmus/model';
import type { ServiceRecord, SourceId, WorkloadEvent } from '@isthmus/model';
import { until as eventually } from '@isthmus/model/testing';
import type { CorrectionOutcome } from '@isthmus/registry';
import { Corrections } from './corrections.ts';

const CONFIG: CorrectConfig = { registries: ['a' as SourceId], afterMs: 0, perMinute: 600, dryRun: false };
const live: WorkloadEvent = { kind: 'status', status: { state: 'live' } };
const ADDRESSES = ['10.0.0.1', '10.0.0.2'] as const;
const orders = record(
  'orders',
  ADDRESSES.map((address) => endpoint({ address })),
);
const pod = (n: number) => workload(`orders-${n}`, { addresses: [`10.0.0.${n}`] });

/** A registry that writes down what it is told. */
function setUp(config: CorrectConfig | undefined = CONFIG, ledger = new MemoryLedger()) {
  const clock = { time: 1_000_000, now: () => clock.time };
  const check = new CrossCheck({
    source: 'k8s' as SourceId,
    matches: () => true,
    podCidrs: ['10.0.0.0/16'],
    ownership: DEFAULT_OWNERSHIP,
    admit: [],
    guard: { maxRemovalPercent: 50, minEndpoints: 10, confirmAfterMs: 30_000 },
    ledger,
    clock,
  });
  const written: string[] = [];
  const said: string[] = [];
  const registry = { outcome: 'done' as CorrectionOutcome, failure: undefined as IsthmusError | undefined };
  const write =
    (action: 'disable' | 'enable') =>
    async (target: { readonly endpoint: { readonly address: string } }): Promise<CorrectionOutcome> => {
      if (registry.failure !== undefined) throw registry.failure;
      written.push(`${action} ${target.endpoint.address}`);
      return registry.outcome;
    };
  const writer = { is: true, listeners: new Set<() => void>() };
  const corrections = new Corrections({
    config,
    corrector: () => ({
      disable: write('disable'),
      enable: write('enable'),
      mayCorrect: async () => undefined,
      close: () => undefined,
    }),
    crossChecks: [check],
    ledger,
    writer: {
      isWriter: () => writer.is,
      onChange: (listener) => {
        writer.listeners.add(listener);
        return () => void writer.listeners.delete(listener);
      },
    },
    clock,
    audit: ({ action, address }) => void said.push(`${action} ${address}`),
  });
  const list = (listed: ServiceRecord) => check.put(serviceId(listed.key), listed, new Set());
  const say = (...events: readonly WorkloadEvent[]) => {
    for (const event of events) for (const _ of check.applySteps(event, new Set()));
    corrections.poke();
  };
  const over = new AbortController();
  const running = corrections.run(over.signal);
  const until = (condition: () => boolean) => eventually(() => `the next write; written: ${written.join()}`, condition);
  const stop = async () => {
    over.abort();
    await running;
  };
  return { clock, ledger, corrections, registry, written, said, writer, list, say, until, stop };
}

describe('corrections', () => {
  test('what is dead is taken out at its registry once, and let in again when it lives', async () => {
    const { list, say, until, written, said, ledger, stop } = setUp();
    list(orders);
    say(workloadSnapshot([pod(1), pod(2)]), live, { kind: 'remove', id: 'shop/orders-1' });
    await until(() => written.length === 1);
    say({ kind: 'upsert', workload: pod(2) }); // nothing new
    say({ kind: 'upsert', workload: pod(1) });
    await until(() => written.length === 2);
    expect(written).toEqual(['disable 10.0.0.1', 'enable 10.0.0.1']);
    expect(said).toEqual(written);
    expect(ledger.entries('corrected').size).toBe(0);
    await stop();
  });

  test('a registry that hides what is disabled is told all the same when the Pod is back (Nacos)', async () => {
    const { list, say, until, written, stop } = setUp();
    list(orders);
    say(workloadSnapshot([pod(2)]), live);
    await until(() => written.length === 1);
    list(record('orders', [endpoint({ address: ADDRESSES[1] })]));
    say({ kind: 'upsert', workload: pod(1) });
    await until(() => written.includes('enable 10.0.0.1'));
    await stop();
  });

  test('what was taken out survives a restart, and is let in again when corrections are switched off', async () => {
    const before = setUp();
    before.list(orders);
    before.say(workloadSnapshot([pod(2)]), live);
    await before.until(() => before.written.length === 1);
    await before.stop();
    const off = setUp({ ...CONFIG, registries: [] }, before.ledger);
    off.corrections.poke();
    await off.until(() => off.written.length === 1);
    expect(off.written).toEqual(['enable 10.0.0.1']);
    await off.stop();
  });

  test('a dry run writes nothing, and says what it would write once', async () => {
    const { list, say, until, written, said, corrections, stop } = setUp({ ...CONFIG, dryRun: true });
    list(orders);
    say(workloadSnapshot([pod(2)]), live);
    await until(() => said.length === 1);
    say({ kind: 'upsert', workload: pod(2) });
    expect([...corrections.views()]).toMatchObject([
      {
        address: '10.0.0.1',
        action: 'disable',
        state: 'dry-run',
        reason: 'no Pod has this address, which is in the range of the cluster',
      },
    ]);
    await stop();
    expect(said).toEqual(['would disable 10.0.0.1']);
    expect(written).toEqual([]);
  });

  test('only the writer writes, and starts when it becomes it', async () => {
    const { list, say, until, written, writer, corrections, stop } = setUp();
    writer.is = false;
    list(orders);
    say(workloadSnapshot([pod(2)]), live);
    await until(() => writer.listeners.size === 1);
    expect([...corrections.views()]).toMatchObject([{ state: 'pending' }]);
    writer.is = true;
    for (const listener of writer.listeners) listener();
    await until(() => written.length === 1);
    await stop();
  });

  test('a registry that refuses is said so, and asked again later', async () => {
    const { list, say, until, written, registry, clock, corrections, stop } = setUp();
    registry.failure = new IsthmusError('registry.auth', 'may not write');
    list(orders);
    say(workloadSnapshot([pod(2)]), live);
    await until(() => corrections.failures.size === 1);
    expect(corrections.failures.get('a' as SourceId)?.cause).toContain('may not write');
    registry.failure = undefined;
    clock.time += 60_000;
    corrections.poke();
    await until(() => written.length === 1 && corrections.failures.size === 0);
    await stop();
  });

  test('what the guard holds is not written', async () => {
    const { list, say, written, clock, corrections, stop } = setUp();
    const twenty = Array.from({ length: 20 }, (_, n) => endpoint({ address: `10.0.1.${n}` }));
    list(record('many', twenty));
    list(orders);
    say(workloadSnapshot([pod(1), pod(2)]), live);
    clock.time += 1_000;
    say({ kind: 'upsert', workload: pod(1) });
    expect([...corrections.views()]).toEqual([]);
    await stop();
    expect(written).toEqual([]);
  });

  test('no more is written a minute than allowed', async () => {
    const { list, say, until, written, clock, stop } = setUp({ ...CONFIG, perMinute: 10 });
    list(orders);
    say(workloadSnapshot([]), live);
    await until(() => written.length === 1);
    clock.time += 5_999;
    say({ kind: 'upsert', workload: workload('other', { addresses: ['10.9.9.9'] }) });
    expect(written).toHaveLength(1);
    clock.time += 1;
    say({ kind: 'upsert', workload: workload('other', { addresses: ['10.9.9.8'] }) });
    await until(() => written.length === 2);
    await stop();
  });
});
