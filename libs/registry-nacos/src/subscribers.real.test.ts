import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import { NacosNamingClient } from 'nacos';
import { nacosConfigSchema } from './config.ts';
import { nacosSubscribers } from './subscribers.ts';

const KEY = { source: parseSourceId('shop'), namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' };

describe.each([
  ['2.3.2', startNacos2],
  ['3.1.0', startNacos3],
])('Nacos %s', (_, start) => {
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    server = await start({});
  }, 180_000);
  afterAll(() => server?.stop());

  test('tells of a client that subscribes, and of nobody when it has gone', async () => {
    const ask = () => {
      const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${server.ports.http}`] });
      return nacosSubscribers(config, KEY, '.', AbortSignal.timeout(20_000));
    };
    expect(await ask()).toEqual([]);
    const silent = { ...console, debug: () => undefined, info: () => undefined, warn: () => undefined };
    const client = new NacosNamingClient({ logger: silent, serverList: `127.0.0.1:${server.ports.http}`, namespace: 'public' });
    await client.ready();
    const listener = (): void => undefined;
    client.subscribe({ serviceName: KEY.name, groupName: KEY.group }, listener);
    const end = Date.now() + 30_000;
    let told = await ask();
    while (told.length === 0 && Date.now() < end) told = await ask();
    expect(told).toEqual([{ address: '127.0.0.1', client: expect.any(String) }]);
    client.unSubscribe({ serviceName: KEY.name, groupName: KEY.group }, listener);
    await client.close();
  }, 120_000);
});
