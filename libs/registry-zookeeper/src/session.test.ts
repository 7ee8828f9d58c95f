import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeZookeeper } from './testing/fake-zookeeper.ts';
import { causeOf, stateOf, testScope } from './testing/open-source.ts';
import { registrationOf } from './testing/registrations.ts';
import { namesOf, providerPath, Scenario } from './testing/scenario.ts';
import { ZK_ERROR } from './wire/protocol.ts';

let on: Scenario;
let fake: FakeZookeeper;

beforeEach(async () => {
  on = await Scenario.start();
  fake = on.fake;
});
afterEach(async () => {
  expect(await on.end()).toEqual([]);
});

const providers = (name: string) => `/dubbo/${name}/providers`;

describe('a lost session', () => {
  test('of a moment with the same tree: what was deregistered meanwhile is gone at once', async () => {
    const gone = on.application('gone', '10.0.0.1', 80);
    on.application('stays', '10.0.0.2', 80);
    const view = await on.live();
    await fake.down();
    await view.until('stale', (v) => stateOf(v) === 'stale');
    expect(namesOf(view)).toEqual(['gone', 'stays']);
    fake.tree.remove(gone);
    await fake.up();
    await view.until('live', (v) => stateOf(v) === 'live');
    expect(namesOf(view)).toEqual(['stays']);
  });

  test('to a ZooKeeper without its data deletes nothing before the grace has ended, whatever its transactions count', async () => {
    on.application('shop', '10.0.0.1', 80);
    const view = await on.live({ restartGrace: '1500ms' });
    await fake.down();
    await view.until('stale', (v) => stateOf(v) === 'stale');
    fake.tree.clear();
    fake.tree.zxid = 1_000_000n;
    fake.tree.set('/dubbo');
    fake.tree.set('/services');
    await fake.up();
    await view.until('it is back', (v) => causeOf(v)?.startsWith('ZooKeeper is back') === true);
    expect(namesOf(view)).toEqual(['shop']);
    await view.until('the grace has ended', (v) => stateOf(v) === 'live' && namesOf(v).length === 0);
    expect(view.events.filter((event) => event.kind === 'remove')).toEqual([]);
  });

  test('to a ZooKeeper with half of its data keeps the other half for the grace, and the half that is there counts', async () => {
    for (let n = 0; n < 10; n += 1) on.application(`shop${n}`, '10.0.0.1', 80 + n);
    const view = await on.live({ restartGrace: '1500ms' });
    await fake.down();
    await view.until('stale', (v) => stateOf(v) === 'stale');
    fake.tree.zxid = 0n; // an older snapshot was restored
    for (let n = 0; n < 5; n += 1) fake.tree.remove(`/services/shop${n}`);
    fake.tree.zxid = 1n;
    await fake.up();
    await view.until('it is back', (v) => causeOf(v)?.startsWith('ZooKeeper is back') === true);
    expect(view.services.size).toBe(10);
    on.application('shop9', '10.0.0.2', 80);
    await view.until('a change counts at once', (v) => v.endpoints('shop9').length === 2);
    await view.until('the grace has ended', (v) => stateOf(v) === 'live' && v.services.size === 5);
  });

  test('with connections that are reset again and again ends with what is there', async () => {
    on.application('shop', '10.0.0.1', 80);
    const view = await on.live();
    for (let n = 0; n < 3; n += 1) {
      const before = view.events.length;
      fake.drop();
      await view.until('read again', (v) => v.events.slice(before).some((e) => e.kind === 'snapshot') && stateOf(v) === 'live');
    }
    on.application('later', '10.0.0.2', 80);
    await view.until('watched again', (v) => v.has('later'));
    expect(fake.connections).toBe(1);
  });

  test('goes on with the next server of the list', async () => {
    const other = await FakeZookeeper.start();
    try {
      for (const { tree } of [fake, other])
        tree.set('/services/shop/1', registrationOf('application', 'shop', { address: '10.0.0.1', port: 80 }).data);
      const view = await on.live({ servers: [fake.address, other.address] });
      await (fake.connections > 0 ? fake : other).down();
      await view.until('stale', (v) => stateOf(v) === 'stale');
      await view.until('live', (v) => stateOf(v) === 'live' || causeOf(v)?.startsWith('ZooKeeper is back') === true);
      expect(namesOf(view)).toEqual(['shop']);
      await view.stop();
    } finally {
      await other.down();
    }
  });
});

describe('missing rights', () => {
  test('on one interface make the scope partial; what was known of it stays, and it is served again when it can be read', async () => {
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880', { version: '1' }));
    fake.tree.set(providerPath('c.D', '10.0.0.2:20880'));
    const view = await on.live();
    fake.errors.set(providers('a.B'), ZK_ERROR.noAuth);
    fake.tree.set(providerPath('a.B', '10.0.0.3:20880', { version: '1' }));
    await view.until('partial', (v) => stateOf(v) === 'partial');
    expect(causeOf(view)).toContain('permission denied (NoAuth)');
    expect(view.endpoints('providers:a.B:1:')).toHaveLength(1);
    fake.drop();
    await view.until(
      'partial again',
      (v) => v.events.filter((e) => e.kind === 'status' && e.status.state === 'partial').length > 1,
    );
    expect(view.endpoints('providers:a.B:1:')).toHaveLength(1);
    fake.errors.clear();
    fake.drop();
    await view.until('live', (v) => stateOf(v) === 'live' && v.endpoints('providers:a.B:1:').length === 2);
  });

  test('on an application make the scope partial', async () => {
    on.application('shop', '10.0.0.1', 80);
    fake.errors.set('/services/secret', ZK_ERROR.noAuth);
    on.application('secret', '10.0.0.2', 80);
    const view = on.watch();
    await view.until('partial', (v) => stateOf(v) === 'partial' && v.has('shop'));
    expect(namesOf(view)).toEqual(['shop']);
    expect(causeOf(view)).toContain('secret');
  });

  test('on a root are a stale scope that says which and what to do', async () => {
    fake.errors.set('/services', ZK_ERROR.noAuth);
    const view = on.watch();
    await view.until('stale', (v) => stateOf(v) === 'stale');
    expect(causeOf(view)).toContain('/services: permission denied (NoAuth)');
    expect(view.status(testScope)).toMatchObject({ state: 'stale' });
  });
});

test('a ZooKeeper that takes its time is no lost one', async () => {
  fake.delay = 150;
  for (let n = 0; n < 200; n += 1) on.application(`shop${n}`, '10.0.0.1', 80);
  const view = await on.live();
  expect(view.services.size).toBe(200);
  on.application('later', '10.0.0.1', 80);
  await view.until('later', (v) => v.has('later'));
  expect(view.events.filter((e) => e.kind === 'status').map((e) => e.kind === 'status' && e.status.state)).toEqual([
    'syncing',
    'live',
  ]);
});
