import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { startZookeeper } from '@isthmus/servers';
import type { ZookeeperServer } from '@isthmus/servers';
import { zookeeperConfigSchema } from './config.ts';
import { examineZookeeper } from './doctor.ts';
import { causeOf, openSource, stateOf, testId } from './testing/open-source.ts';
import { providerUrl } from './testing/registrations.ts';
import { ZkWriter } from './testing/writer.ts';

const patient = 60_000;
const deadline = 20_000;
let zookeeper: ZookeeperServer;
let writer: ZkWriter;
let address: string;
const provider = (root: string, name: string, port: number) =>
  `${root}/${name}/providers/${providerUrl(`10.0.0.1:${port}`, name, {})}`;

beforeAll(async () => {
  zookeeper = await startZookeeper();
  address = `127.0.0.1:${zookeeper.ports.client}`;
  writer = new ZkWriter(zookeeper.ports.client);
  await writer.connect();
  await writer.set(provider('/dubbo', 'a.B', 1));
  await writer.set(provider('/dubbo', 'c.D', 1));
}, patient);
afterAll(async () => {
  writer.close();
  await zookeeper.stop();
}, patient);

async function examine(config: Readonly<Record<string, unknown>> = {}): Promise<readonly string[]> {
  const parsed = zookeeperConfigSchema.parse({ name: testId, kind: 'zookeeper', servers: [address], ...config });
  const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
  const findings = await examineZookeeper(testId, parsed, deps, new AbortController().signal);
  return findings.map(({ level, what }) => `${level}: ${what.replaceAll(address, 'ZK')}`);
}

describe('on a real ZooKeeper', () => {
  test(
    'rights that are taken away while it is watched delete nothing, and count again when they are given back',
    async () => {
      const view = openSource(address);
      try {
        await view.until('live', (v) => stateOf(v) === 'live', deadline);
        await writer.setReadable('/dubbo/a.B/providers', false);
        await writer.remove('/dubbo/c.D/providers');
        await writer.set(provider('/dubbo', 'c.D', 2));
        await view.until('c.D has changed', (v) => v.endpoints('providers:c.D::')[0]?.port === 2, deadline);
        expect(stateOf(view)).toBe('live'); // rights are no event
        await writer.setReadable('/dubbo', false);
        await zookeeper.restart();
        await writer.connect();
        await view.until('stale for want of rights', (v) => causeOf(v)?.includes('NoAuth') === true, deadline);
        expect(causeOf(view)).toContain('/dubbo: permission denied');
        expect(view.services.size).toBe(2);
        await writer.setReadable('/dubbo', true);
        await view.until('partial', (v) => stateOf(v) === 'partial', deadline);
        expect(causeOf(view)).toContain('providers:a.B::');
        expect(view.endpoints('providers:a.B::')).toHaveLength(1);
        await writer.setReadable('/dubbo/a.B/providers', true);
        await zookeeper.restart();
        await writer.connect();
        await view.until('live again', (v) => stateOf(v) === 'live', deadline);
        expect(view.services.size).toBe(2);
      } finally {
        await view.stop();
        expect(view.violations).toEqual([]);
      }
    },
    patient,
  );

  test(
    'doctor tells version, missing rights and the root that was meant',
    async () => {
      expect(await examine()).toEqual([
        'ok: ZooKeeper 3.9.5 at ZK accepts sessions (standalone)',
        'ok: 2 interfaces below /dubbo',
        'ok: /services is not there: nothing registers applications yet',
      ]);
      await writer.set('/empty');
      expect((await examine({ root: '/empty' }))[1]).toBe('warning: /empty is empty; /dubbo has providers');
      await writer.setReadable('/dubbo/a.B/providers', false);
      expect((await examine())[2]).toBe('error: /dubbo can be listed, but: /dubbo/a.B/providers: permission denied (NoAuth)');
      await writer.setReadable('/dubbo', false);
      expect((await examine())[1]).toBe('error: no right to read: /dubbo: permission denied (NoAuth)');
    },
    patient,
  );
});
