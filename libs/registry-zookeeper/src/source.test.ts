import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { takesTraffic } from '@isthmus/model';
import type { Collector } from '@isthmus/registry/testing';
import type { FakeZookeeper } from './testing/fake-zookeeper.ts';
import { providerUrl, registrationOf } from './testing/registrations.ts';
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

const override = (text: string) => `/dubbo/a.B/configurators/${encodeURIComponent(text)}`;
const ports = (view: Collector, name: string) => view.endpoints(name).map((e) => e.port);
const providers = (name: string) => `/dubbo/${name}/providers`;

describe('what is registered by interface', () => {
  test('each version and group is a service; one that ends leaves the others', async () => {
    const v1 = providerPath('a.B', '10.0.0.1:20880', { version: '1.0.0' });
    fake.tree.set(v1);
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880', { version: '2.0.0', group: 'g' }));
    const view = await on.live();
    expect(namesOf(view)).toEqual(['providers:a.B:1.0.0:', 'providers:a.B:2.0.0:g']);
    fake.tree.remove(v1);
    await view.until('one left', (v) => namesOf(v).join() === 'providers:a.B:2.0.0:g');
  });

  test('an interface that only has consumers is no service, until a provider comes', async () => {
    fake.tree.set(`/dubbo/a.B/consumers/${encodeURIComponent('consumer://10.0.0.9/a.B')}`);
    const view = await on.live();
    expect(namesOf(view)).toEqual([]);
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880'));
    await view.until('there', (v) => v.has('providers:a.B::'));
  });

  test('a configurator changes the weight or takes a provider out while it runs, and gives it back', async () => {
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880', { weight: '100' }));
    const view = await on.live();
    const one = () => view.endpoints('providers:a.B::')[0];
    expect(one()?.weight).toBe(1);
    const heavier = override('override://0.0.0.0/a.B?category=configurators&weight=250');
    fake.tree.set(heavier);
    await view.until('weight 2.5', () => one()?.weight === 2.5);
    expect([...view.services.values()][0]?.diagnostics.map((d) => d.code)).toEqual(['instance.overridden']);
    fake.tree.set(override('override://10.0.0.1:20880/a.B?category=configurators&disabled=true'));
    await view.until('disabled', () => view.endpoints('providers:a.B::').every((e) => !takesTraffic(e)));
    fake.tree.remove('/dubbo/a.B/configurators');
    await view.until('as registered', () => one()?.weight === 1 && one()?.health === 'healthy');
  });

  test('a provider that one configurator cannot be read for is served as it registered', async () => {
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880'));
    fake.tree.set('/dubbo/a.B/configurators/%ZZ');
    fake.errors.set('/dubbo/c.D/configurators', ZK_ERROR.noAuth);
    fake.tree.set(providerPath('c.D', '10.0.0.2:20880'));
    const view = await on.live();
    expect(namesOf(view)).toEqual(['providers:a.B::', 'providers:c.D::']);
  });

  test('dubbo2istio#3 #18: the root is a setting', async () => {
    fake.tree.set(`/dubbo-prod/a.B/providers/${providerUrl('10.0.0.1:20880', 'a.B', {})}`);
    fake.tree.set(`/apps/shop/1`, registrationOf('application', 'shop', { address: '10.0.0.2', port: 80 }).data);
    const view = await on.live({ root: '/dubbo-prod', applicationRoot: '/apps' });
    expect([...view.services.values()].map((s) => s.host).sort()).toEqual([
      'providers-a.b-0.0.0.zookeeper',
      'shop.apps.zookeeper',
    ]);
  });

  test('the filter is for interfaces and applications; what it leaves out is not even read', async () => {
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880'));
    fake.tree.set(providerPath('test.B', '10.0.0.1:20880'));
    on.application('test-app', '10.0.0.3', 80);
    const view = await on.live({ services: { exclude: ['test*'] } });
    expect(namesOf(view)).toEqual(['providers:a.B::']);
    expect([...fake.reads.keys()].filter((path) => path.includes('test'))).toEqual([]);
  });

  test('a root that is not there is empty, and its first provider is seen', async () => {
    const view = await on.live({ root: '/later' });
    expect(namesOf(view)).toEqual([]);
    fake.tree.set(`/later/a.B/providers/${providerUrl('10.0.0.1:20880', 'a.B', {})}`);
    await view.until('there', (v) => v.has('providers:a.B::'));
  });
});

describe('what is registered by application', () => {
  test('the interfaces that are mapped to it are services with its endpoints, and change with it', async () => {
    on.dubboApplication('shop', '10.0.0.1', 50051);
    fake.tree.set('/dubbo/mapping/a.B', 'shop');
    const view = await on.live();
    expect(namesOf(view)).toEqual(['mapping:a.B', 'shop']);
    on.dubboApplication('shop', '10.0.0.2', 50051);
    await view.until('two', (v) => v.endpoints('mapping:a.B').length === 2 && v.endpoints('shop').length === 2);
    on.dubboApplication('other', '10.0.0.3', 50052);
    fake.tree.set('/dubbo/mapping/a.B', 'shop,other');
    await view.until('both', (v) => ports(v, 'mapping:a.B').join() === '50051,50051,50052');
    fake.tree.remove('/services/shop');
    await view.until('the other one', (v) => ports(v, 'mapping:a.B').join() === '50052' && !v.has('shop'));
    fake.tree.remove('/services/other');
    await view.until('nobody', (v) => namesOf(v).length === 0);
  });

  test('dubbo2istio#23: one that registers both ways is counted once on every host', async () => {
    on.dubboApplication('shop', '10.0.0.1', 20880);
    fake.tree.set(providerPath('a.B', '10.0.0.1:20880'));
    fake.tree.set('/dubbo/mapping/a.B', 'shop');
    const view = await on.live();
    const counts = [...view.services.values()].map((s) => [s.host, s.endpoints.length]).sort();
    expect(counts).toEqual([
      ['a.b.zookeeper', 1],
      ['providers-a.b-0.0.0.zookeeper', 1],
      ['shop.services.zookeeper', 1],
    ]);
  });

  test('versions and groups come from the metadata center, so the interface keeps its hosts when providers stop to register it', async () => {
    const define = (path: string, parameters: object = {}) =>
      fake.tree.set(`/dubbo/metadata/a.B/${path}`, JSON.stringify({ parameters }));
    define('1.0.0/g1/provider/shop');
    define('provider/plain');
    define('g2/provider/grouped', { group: 'g2' });
    define('2.0.0/provider/versioned', { version: '2.0.0' });
    define('3.0.0/provider/broken', { version: '4' });
    define('1.0.0/g1/consumer/web');
    fake.tree.set('/dubbo/mapping/a.B', 'shop,plain,grouped,versioned,broken');
    const both = providerPath('a.B', '10.0.0.1:20880', { version: '1.0.0', group: 'g1', weight: '300' });
    fake.tree.set(both);
    on.dubboApplication('shop', '10.0.0.1', 20880);
    on.dubboApplication('shop', '10.0.0.2', 20880);
    for (const [n, name] of ['plain', 'grouped', 'versioned', 'broken'].entries()) on.dubboApplication(name, `10.0.1.${n}`, 1);
    const view = await on.live();
    const defined = () => namesOf(view).filter((name) => name.startsWith('providers:'));
    expect(defined()).toEqual(['providers:a.B:1.0.0:g1', 'providers:a.B:2.0.0:', 'providers:a.B::', 'providers:a.B::g2']);
    const weights = () => view.endpoints('providers:a.B:1.0.0:g1').map((e) => `${e.address} ${e.weight}`);
    expect(weights()).toEqual(['10.0.0.1 3', '10.0.0.2 1']); // one each, with what only the interface says
    fake.tree.remove(both);
    await view.until('by application only', () => weights().join() === '10.0.0.1 1,10.0.0.2 1');
    fake.tree.remove('/services/shop');
    await view.until('gone', () => defined().length === 3);
    on.dubboApplication('shop', '10.0.0.3', 20880);
    await view.until('back', () => weights().join() === '10.0.0.3 1');
    fake.tree.set('/dubbo/mapping/a.B', 'plain');
    await view.until('only what is mapped', () => defined().join() === 'providers:a.B::');
    fake.tree.remove('/dubbo/mapping/a.B');
    await view.until('nothing', () => defined().length === 0);
  });

  test('an instance that takes the place of another leaves no moment without any', async () => {
    const old = on.application('shop', '10.0.0.1', 80);
    const view = await on.live();
    const before = view.events.length;
    fake.tree.remove(old);
    on.application('shop', '10.0.0.2', 80);
    await view.until('the new one', (v) => v.endpoints('shop')[0]?.address === '10.0.0.2');
    expect(view.events.slice(before).filter((event) => event.kind === 'remove')).toEqual([]);
  });

  test('an instance that goes and comes back under its name is seen as it is now', async () => {
    on.application('stays', '10.0.0.9', 80);
    const path = on.application('shop', '10.0.0.1', 80);
    const view = await on.live();
    for (let n = 0; n < 20; n += 1) {
      fake.tree.remove(path);
      if (n % 2 === 0) await view.until('gone', (v) => !v.has('shop'));
      const { data } = registrationOf('application', 'shop', { address: '10.0.0.1', port: 80, metadata: { run: String(n) } });
      fake.tree.set(path, data);
      await view.until('back', (v) => v.endpoints('shop')[0]?.metadata['run'] === String(n));
    }
  });

  test('is not read with applicationRoot: false', async () => {
    on.application('shop', '10.0.0.1', 80);
    fake.tree.set('/dubbo/mapping/a.B', 'shop');
    const view = await on.live({ applicationRoot: false });
    expect(namesOf(view)).toEqual([]);
  });
});

test('a change of one service reads that service only, however many there are', async () => {
  for (let n = 0; n < 500; n += 1) fake.tree.set(providerPath(`a.B${n}`, '10.0.0.1:20880'));
  const view = await on.live();
  fake.reads.clear();
  fake.tree.set(providerPath('a.B7', '10.0.0.2:20880'));
  await view.until('two', (v) => v.endpoints('providers:a.B7::').length === 2);
  expect([...fake.reads]).toEqual([[providers('a.B7'), 1]]);
});
