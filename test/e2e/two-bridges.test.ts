import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { PublicationList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2, startConsul } from '@isthmus/servers';
import type { Borrowed, ConsulServer, NacosPorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

const PATIENCE_MS = 90_000;
/** Longer than any bridge needs from a registry's change to its own write: what has not come by then does not come. */
const QUIET_MS = 8_000;

/**
 * Two bridges, two registries: one publishes Consul's services into Nacos, the other Nacos's into Consul. Without marks each
 * would publish the other's publications back, for ever.
 */
describe('two bridges between Nacos and Consul', () => {
  let nacos: Borrowed<NacosPorts>;
  let consul: ConsulServer;
  const bridges: BridgeProcess[] = [];

  const call = async (method: string, url: string, body?: object): Promise<unknown> => {
    const answer = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined;
  };
  const nacosUrl = (path: string) => `http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/${path}`;
  const consulUrl = (path: string) => `http://127.0.0.1:${consul.ports.http}/v1/${path}`;
  const inNacos = async () => {
    const list = (await call('GET', nacosUrl('service/list?pageNo=1&pageSize=100&namespaceId=public'))) as { doms: string[] };
    const withInstances: string[] = [];
    for (const name of list.doms) {
      const query = `serviceName=DEFAULT_GROUP%40%40${name}&namespaceId=public`;
      const { hosts } = (await call('GET', nacosUrl(`instance/list?${query}`))) as { hosts: readonly unknown[] };
      if (hosts.length > 0) withInstances.push(name);
    }
    return withInstances.sort();
  };
  const inConsul = async () =>
    Object.keys((await call('GET', consulUrl('catalog/services'))) as object)
      .filter((name) => name !== 'consul')
      .sort();
  const registerInConsul = (name: string, port: number) =>
    call('PUT', consulUrl('agent/service/register'), { ID: `${name}-own`, Name: name, Address: '10.4.0.1', Port: port });
  const registerInNacos = (name: string, port: number) =>
    call('POST', nacosUrl(`instance?serviceName=${name}&ip=10.4.0.2&port=${port}&ephemeral=false&namespaceId=public`));

  const start = async (meshId: string, publish: readonly object[]): Promise<BridgeProcess> => {
    const registries = [
      { name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`], listInterval: '1s' },
      { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
    ];
    const bridge = await BridgeProcess.start(registries, { meshId, publish });
    bridges.push(bridge);
    return bridge;
  };
  const toNacos = (prefix: string) => [{ to: 'shop', services: ['hq/*'], name: `${prefix}-{name}`, ttl: '9s' }];
  const toConsul = (prefix: string) => [{ to: 'hq', services: ['shop/*'], name: `${prefix}-{name}`, ttl: '9s' }];
  /** Both registries as they are once nothing has changed for a while. */
  const settled = async (): Promise<{ readonly nacos: readonly string[]; readonly consul: readonly string[] }> => {
    let last = '';
    let since = Date.now();
    await until(
      'the registries are quiet',
      async () => {
        const now = JSON.stringify([await inNacos(), await inConsul()]);
        if (now !== last) since = Date.now();
        last = now;
        return Date.now() - since >= QUIET_MS;
      },
      PATIENCE_MS,
    );
    const [n, c] = JSON.parse(last) as [string[], string[]];
    return { nacos: n, consul: c };
  };

  beforeAll(async () => {
    [nacos, consul] = await Promise.all([borrowNacos2(), startConsul()]);
  }, 300_000);

  afterEach(async () => {
    await Promise.all(bridges.splice(0).map((bridge) => bridge.close()));
  }, 60_000);

  afterAll(async () => {
    await Promise.all([nacos?.giveBack(), consul?.stop()]);
  }, 60_000);

  test('nothing loops: what is published is imported once, with its origin, and never comes back', async () => {
    await registerInConsul('orders', 8401);
    await registerInNacos('payments', 8402);
    const [a, b] = await Promise.all([start('mesh-a', toNacos('a')), start('mesh-b', toConsul('b'))]);
    // One hop: b publishes what a wrote (path a,b), a what b wrote (path b,a); both know themselves in what comes then.
    await until(
      'both have written, each also what the other wrote',
      async () => (await inNacos()).includes('a-b-payments') && (await inConsul()).includes('b-a-orders'),
      PATIENCE_MS,
    );
    expect(await settled()).toEqual({
      nacos: ['a-b-payments', 'a-orders', 'payments'],
      consul: ['b-a-orders', 'b-payments', 'orders'],
    });
    const entries = (await call('GET', consulUrl('health/service/b-a-orders'))) as readonly {
      Service: { Meta: Record<string, string> };
    }[];
    expect(entries[0]?.Service.Meta).toMatchObject({
      'isthmus-mesh': 'mesh-b',
      'isthmus-path': 'mesh-a,mesh-b',
      'isthmus-origin': 'hq/dc1//orders',
    });
    for (const bridge of [a, b]) {
      const { counts } = await bridge.get<{ counts: Record<string, number> }>('diagnostics');
      expect(counts['import.own']).toBeGreaterThan(0);
    }

    // Nobody keeps alive what has gone at its origin.
    await call('PUT', consulUrl('agent/service/deregister/orders-own'));
    await until(
      'all that came of it is gone',
      async () => !(await inNacos()).includes('a-orders') && !(await inConsul()).includes('b-a-orders'),
      PATIENCE_MS,
    );
    expect(await settled()).toEqual({ nacos: ['a-b-payments', 'payments'], consul: ['b-payments'] });
  }, 400_000);

  test('with one meshId for both, each knows the other’s publications as its mesh’s own, and neither touches them', async () => {
    await registerInConsul('orders', 8401);
    await until('what the bridges before left has expired', async () => (await inNacos()).join() === 'payments', 120_000);
    await until('in Consul too', async () => (await inConsul()).join() === 'orders', 200_000);
    const [a, b] = await Promise.all([start('same', toNacos('a')), start('same', toConsul('b'))]);
    await until(
      'both have written',
      async () => (await inNacos()).includes('a-orders') && (await inConsul()).includes('b-payments'),
      PATIENCE_MS,
    );
    expect(await settled()).toEqual({ nacos: ['a-orders', 'payments'], consul: ['b-payments', 'orders'] });
    for (const bridge of [a, b]) {
      const { sinks } = await bridge.get<PublicationList>('publications');
      expect(sinks.map(({ registered, withdrawn, failed }) => ({ registered, withdrawn, failed }))).toEqual([
        { registered: 1, withdrawn: 0, failed: 0 },
      ]);
    }
  }, 600_000);
});
