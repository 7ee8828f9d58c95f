import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { startZookeeper } from '@isthmus/servers';
import type { ZookeeperServer } from '@isthmus/servers';
import { zookeeperConfigSchema } from './config.ts';
import { zookeeperSubscribers } from './subscribers.ts';
import { ZkWriter } from './testing/writer.ts';

const GREETER = '/dubbo/com.acme.Greeter';
let server: ZookeeperServer;
let writer: ZkWriter;

beforeAll(async () => {
  server = await startZookeeper();
  writer = new ZkWriter(server.ports.client);
  await writer.connect();
}, 90_000);
afterAll(async () => {
  writer?.close();
  await server?.stop();
}, 30_000);

/** As Dubbo writes the node of a consumer. */
const consumer = (host: string, query: string): string =>
  `${GREETER}/consumers/${encodeURIComponent(`consumer://${host}/com.acme.Greeter?category=consumers&interface=com.acme.Greeter&${query}`)}`;
const ask = (name: string, servers = [`127.0.0.1:${server.ports.client}`]) =>
  zookeeperSubscribers(
    zookeeperConfigSchema.parse({ name: 'dubbo', kind: 'zookeeper', servers }),
    { source: parseSourceId('dubbo'), namespace: '', group: '', name },
    '.',
    AbortSignal.timeout(20_000),
  );
const SERVICE = 'providers:com.acme.Greeter:1.0.0:g1';

test('an interface’s consumers are told, of its version and group, and nobody only where providers register by interface', async () => {
  expect(await ask(SERVICE)).toBeUndefined();
  await writer.set(
    `${GREETER}/providers/${encodeURIComponent('dubbo://10.0.0.1:20880/com.acme.Greeter?version=1.0.0&group=g1')}`,
  );
  expect(await ask(SERVICE)).toEqual([]);
  await writer.set(consumer('10.0.0.7', 'application=other&version=2.0.0&group=g1'));
  await writer.set(consumer('10.0.0.8', 'application=plain'));
  expect(await ask(SERVICE)).toEqual([]);
  await writer.set(consumer('10.0.0.9', 'application=web&version=1.0.0&group=g1'));
  await writer.set(consumer('10.0.0.10', 'application=any&version=*&group=g0,g1'));
  const both = [
    { address: '10.0.0.10', client: 'any' },
    { address: '10.0.0.9', client: 'web' },
  ];
  const told = await ask(SERVICE);
  expect(told?.toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual(both);
  expect(await ask('providers:com.acme.Greeter:0.0.0:')).toEqual([{ address: '10.0.0.8', client: 'plain' }]);
  expect(await ask('mapping:com.acme.Greeter')).toHaveLength(4);
});

test('who consumes an application is not told', async () => {
  expect(await ask('dubbo-greeter')).toBeUndefined();
});

test('one that cannot be read counts, and one that may not be read is no answer', async () => {
  await writer.set('/dubbo/com.acme.Odd/consumers/nonsense');
  expect(await ask('providers:com.acme.Odd::')).toEqual([{ address: '', client: 'unreadable consumer nonsense' }]);
  await writer.setReadable('/dubbo/com.acme.Odd/consumers', false);
  await expect(ask('providers:com.acme.Odd::')).rejects.toThrow('may not be read');
});

test('another server of the ensemble is asked where one is away', async () => {
  expect(await ask(SERVICE, ['127.0.0.1:1', `127.0.0.1:${server.ports.client}`])).toHaveLength(2);
});
