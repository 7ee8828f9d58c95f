import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatDiagnostic, parseSourceId, systemClock } from '@isthmus/model';
import type { ServiceRecord } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import { zookeeperConfigSchema } from './config.ts';
import { ZookeeperSource } from './source.ts';
import { FakeZookeeper } from './testing/fake-zookeeper.ts';

// testdata/in: the nodes of a ZooKeeper (those named `zk-dubbo3` as a real provider left them) -> testdata/out: the services.
const testdata = join(import.meta.dirname, 'testdata');
const update = process.env['UPDATE_GOLDENS'] === '1';
const files = readdirSync(join(testdata, 'in'));

async function servicesOf(nodes: Readonly<Record<string, { readonly data: string }>>): Promise<readonly ServiceRecord[]> {
  const fake = await FakeZookeeper.start();
  for (const [path, { data }] of Object.entries(nodes)) fake.tree.set(path, data);
  const id = parseSourceId('dubbo');
  const config = zookeeperConfigSchema.parse({ name: id, kind: 'zookeeper', servers: [fake.address] });
  const view = collect(new ZookeeperSource(id, config, { clock: systemClock, random: Math.random, baseDir: '.' }));
  try {
    await view.until('live', (v) => v.status({ source: id, namespace: '', group: '' })?.state === 'live', 10_000);
    expect(view.violations).toEqual([]);
    return [...view.services.values()].sort((a, b) => (a.key.name < b.key.name ? -1 : 1));
  } finally {
    await view.stop();
    await fake.down();
  }
}

function page({ key, host, endpoints, diagnostics }: ServiceRecord): unknown {
  const lines = endpoints.map((e) =>
    [
      `${e.instanceId}: ${e.protocol} ${e.address}:${e.port} ${e.health}, weight ${e.weight}, zone ${e.locality.region}/${e.locality.zone}`,
      `labels ${JSON.stringify(e.labels)}`,
      `metadata ${JSON.stringify(e.metadata)}`,
    ].join('; '),
  );
  return { name: key.name, host, endpoints: lines, diagnostics: diagnostics.map(formatDiagnostic) };
}

describe('what becomes of the nodes of a ZooKeeper', () => {
  test.each(files)('%s', async (file) => {
    const nodes = JSON.parse(readFileSync(join(testdata, 'in', file), 'utf8')) as Record<string, { data: string }>;
    const text = `${JSON.stringify((await servicesOf(nodes)).map(page), undefined, 1)}\n`;
    const golden = join(testdata, 'out', file);
    if (update) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  test('no golden is left over', () => {
    const orphans = readdirSync(join(testdata, 'out')).filter((file) => !files.includes(file));
    if (update) for (const orphan of orphans) rmSync(join(testdata, 'out', orphan));
    expect(update ? [] : orphans).toEqual([]);
  });
});
