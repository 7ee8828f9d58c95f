import { afterEach, describe, expect, test } from '@jest/globals';
import { DEFAULT_GUARD } from '@isthmus/catalog';
import { MemoryLedger } from '@isthmus/ledger';
import { systemClock } from '@isthmus/model';
import type { Ledger, SourceId } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { publicationId } from '@isthmus/registry';
import { MemoryRegistry, testPublication } from '@isthmus/registry/testing';
import type { BridgeConfig } from './bridge-config.ts';
import { Sinks, completeSources } from './sinks.ts';

const abort: AbortController[] = [];
const runs: Promise<void>[] = [];
afterEach(async () => {
  for (const one of abort.splice(0)) one.abort();
  await Promise.all(runs.splice(0));
});

function sinks(registry: MemoryRegistry, ledger: Ledger, publish: readonly { to: string; services: readonly string[] }[]): Sinks {
  const kind = { kind: 'memory', sink: { places: { namespace: false, group: false }, wire: () => registry.wire() } };
  const config = {
    meshId: 'us',
    baseDir: '.',
    registries: [
      { id: 'target', kind, config: {} },
      { id: 'k8s', kind: { kind: 'source' }, config: {} },
    ],
    publish,
    ledger: { file: 'ledger' },
    guard: DEFAULT_GUARD,
  };
  const made = new Sinks({
    config: config as unknown as BridgeConfig,
    ledger,
    clock: systemClock,
    writer: undefined,
    isFollowed: () => true,
  });
  const stop = new AbortController();
  abort.push(stop);
  runs.push(made.run(stop.signal));
  return made;
}

describe('the sinks of a config', () => {
  test('are those that it publishes into', () => {
    const registry = new MemoryRegistry();
    expect(sinks(registry, new MemoryLedger(), []).all).toEqual([]);
    expect(sinks(registry, new MemoryLedger(), [{ to: 'target', services: ['*'] }]).all.map((sink) => sink.id)).toEqual([
      'target',
    ]);
  });

  test('a registry that is published into no more is emptied of what was written, once the source has been read', async () => {
    const registry = new MemoryRegistry();
    const ledger = new MemoryLedger();
    const before = sinks(registry, ledger, [{ to: 'target', services: ['*'] }]);
    const publication = testPublication('orders', ['10.0.0.1:80'], 2_000);
    before.all[0]?.want(publicationId(publication.at), publication);
    await until('it is registered', async () => (await registry.seen('orders')).length === 1);
    abort.splice(0)[0]?.abort();

    const after = sinks(registry, ledger, []);
    await until('it is renewed', () => (after.all[0]?.counters.renewed ?? 0) > 1);
    expect(await registry.seen('orders')).toHaveLength(1);
    after.takeComplete(['k8s' as SourceId]);
    await until('it is deregistered', async () => (await registry.seen('orders')).length === 0);
    await until('the ledger has forgotten it', () => ledger.entries('publication').size === 0);
    expect(sinks(registry, ledger, []).all).toEqual([]);
  });

  test('a source is complete when every scope that is known of it has been read', () => {
    const scope = (source: string, namespace: string, lastSync: number | undefined) =>
      ({ scope: { source: source as SourceId, namespace, group: '' }, lastSync }) as never;
    expect(completeSources([scope('a', '1', 1), scope('a', '2', undefined), scope('b', '1', 1)])).toEqual(['b']);
    expect(completeSources([scope('a', '1', undefined), scope('a', '2', 1)])).toEqual([]);
  });
});
