import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { zookeeperConfigSchema } from './config.ts';
import { examineZookeeper } from './doctor.ts';
import { FakeZookeeper } from './testing/fake-zookeeper.ts';
import { testId } from './testing/open-source.ts';
import { providerUrl } from './testing/registrations.ts';
import { ZK_ERROR } from './wire/protocol.ts';

let fake: FakeZookeeper;
beforeEach(async () => {
  fake = await FakeZookeeper.start();
});
afterEach(() => fake.down());

/** `level: what (remedy)` of each finding. */
async function examine(config: Readonly<Record<string, unknown>> = {}): Promise<readonly string[]> {
  const parsed = zookeeperConfigSchema.parse({ name: testId, kind: 'zookeeper', servers: [fake.address], ...config });
  const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
  const findings = await examineZookeeper(testId, parsed, deps, new AbortController().signal);
  return findings.map(({ level, what, remedy }) =>
    `${level}: ${what}${remedy === undefined ? '' : ` (${remedy})`}`.replaceAll(fake.address, 'ZK'),
  );
}
const provide = (root: string) => fake.tree.set(`${root}/a.B/providers/${providerUrl('10.0.0.1:1', 'a.B', {})}`);

describe('doctor on ZooKeeper', () => {
  test('says version, mode and how much there is', async () => {
    provide('/dubbo');
    fake.tree.set('/dubbo/mapping/a.B', 'shop');
    fake.tree.set('/services/shop');
    expect(await examine()).toEqual([
      'ok: ZooKeeper 3.4.14 at ZK accepts sessions (standalone)',
      'ok: 1 interfaces below /dubbo',
      'ok: 1 applications below /services',
    ]);
  });

  test('works where srvr is not answered', async () => {
    fake.status = undefined;
    provide('/dubbo');
    expect((await examine({ applicationRoot: false }))[0]).toBe('ok: ZooKeeper (version unknown) at ZK accepts sessions');
  });

  test('finds the root that was meant', async () => {
    provide('/dubbo-prod');
    fake.tree.set('/dubbo');
    fake.tree.set('/kafka/brokers');
    expect((await examine({ applicationRoot: false }))[1]).toBe(
      'warning: /dubbo is empty; /dubbo-prod has providers (set root: /dubbo-prod)',
    );
    expect((await examine({ root: '/none', applicationRoot: false }))[1]).toBe(
      'warning: /none is not there; /dubbo-prod has providers (set root: /dubbo-prod)',
    );
  });

  test('says so when nothing registers anywhere', async () => {
    expect(await examine()).toEqual([
      'ok: ZooKeeper 3.4.14 at ZK accepts sessions (standalone)',
      'warning: /dubbo is not there (check root (the `group` of Dubbo’s registry address), and that providers register here)',
      'ok: /services is not there: nothing registers applications yet',
    ]);
  });

  test('is content with a Dubbo 3 that registers applications only', async () => {
    fake.tree.set('/dubbo/mapping/a.B', 'shop');
    expect((await examine())[1]).toBe('ok: /dubbo has no interfaces, only the mapping of Dubbo 3');
  });

  test('names missing rights, on the root and on what is below it', async () => {
    provide('/dubbo');
    fake.errors.set('/dubbo/a.B/providers', ZK_ERROR.noAuth);
    fake.errors.set('/services', ZK_ERROR.noAuth);
    const [, , below, services] = await examine();
    expect(below).toMatch(
      /^error: \/dubbo can be listed, but: \/dubbo\/a\.B\/providers: permission denied \(NoAuth\) \(give the user/,
    );
    expect(services).toMatch(/^error: no right to read: \/services: permission denied \(NoAuth\) \(give the user/);
  });

  test('names a member that is cut off from its ensemble', async () => {
    fake.status = 'Zookeeper version: 3.9.5-1, built on x\nMode: read-only\n';
    expect((await examine())[0]).toMatch(/^error: ZooKeeper 3\.9\.5 at ZK is in read-only mode: .* \(mend the network/);
  });

  test('names a server that cannot be reached, one that hangs, and a secret that is not there', async () => {
    expect((await examine({ auth: { username: 'u', passwordFile: 'none/at/all' } }))[0]).toMatch(
      /^error: .*none\/at\/all cannot be read/,
    );
    fake.hang();
    expect((await examine())[0]).toMatch(/^error: ZooKeeper at ZK: no sign of life/);
    await fake.down();
    expect((await examine())[0]).toMatch(/^error: ZooKeeper at ZK: .*connect ECONNREFUSED .* \(check that it runs/);
    await fake.up();
  });
});
