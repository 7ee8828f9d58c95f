import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeNacos } from './fake-nacos.ts';
import { loadNacos } from './load.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

describe('the load for benches', () => {
  test('registers services with instances, and changes, removes and restores one', async () => {
    const fake = await FakeNacos.start();
    open.push(() => fake.down());
    const load = await loadNacos({ address: fake.grpcAddress, services: 20, instances: 3, connections: 2 });
    open.unshift(async () => load.close());
    const hosts = (service: number) => fake.store.get({ namespace: 'public', group: 'DEFAULT_GROUP', name: `load-${service}` });
    expect(fake.store.services('public')).toHaveLength(20);
    expect(hosts(19)).toHaveLength(3);
    expect(hosts(19)[1]).toMatchObject(load.addressOf(19, 1));
    await load.change(19, 1, { weight: 7 });
    expect(hosts(19).map((host) => host.weight)).toEqual([1, 7, 1]);
    await load.remove(19, 0);
    expect(hosts(19).map((host) => host.weight)).toEqual([7, 1]);
    await load.restore(19, 0);
    await load.restore(19, 1);
    expect(hosts(19).map((host) => host.weight)).toEqual([1, 1, 1]);
    const addresses = new Set(Array.from({ length: 20 }, (_, n) => JSON.stringify(load.addressOf(n, 0))));
    expect(addresses.size).toBe(20);
    expect(await fake.connections()).toBe(2);
  });

  test('that cannot register says why and leaves no connection', async () => {
    const fake = await FakeNacos.start({ auth: { username: 'u', password: 'p' } });
    open.push(() => fake.down());
    await expect(loadNacos({ address: fake.grpcAddress, services: 1, instances: 1 })).rejects.toMatchObject({
      code: 'registry.auth',
    });
    const end = Date.now() + 5_000;
    while ((await fake.connections()) > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await fake.connections()).toBe(0);
  });
});
