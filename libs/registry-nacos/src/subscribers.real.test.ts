import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { borrowNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosPorts } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { nacosSubscribers } from './subscribers.ts';

// Of this file alone: npm nacos asks over HTTP, and a server that is lent knows such clients for a while after they ended.
const NAME = 'watched-by-one';
const KEY = { source: parseSourceId('shop'), namespace: 'public', group: 'DEFAULT_GROUP', name: NAME };

describe.each([
  ['2.3.2', borrowNacos2],
  ['3.1.0', startNacos3],
] as const)('Nacos %s', (_, start) => {
  let server: { readonly ports: NacosPorts } & AsyncDisposable;
  beforeAll(async () => {
    server = await start();
  }, 180_000);
  afterAll(async () => server?.[Symbol.asyncDispose]());

  test('tells of a client that subscribes, and of nobody before', async () => {
    const ask = () => {
      const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${server.ports.http}`] });
      return nacosSubscribers(config, KEY, '.', AbortSignal.timeout(20_000));
    };
    expect(await ask()).toEqual([]);
    const client = subscriber(server.ports.http);
    try {
      const end = Date.now() + 30_000;
      let told = await ask();
      while (told.length === 0 && Date.now() < end) told = await ask();
      // The address is the one that the client says of itself.
      expect(told).toEqual([{ address: expect.stringMatching(/^\d+(?:\.\d+){3}$/), client: expect.any(String) }]);
    } finally {
      await client.terminate();
    }
  }, 120_000);
});

/** npm nacos in a thread of its own: its lists are asked for ever, also after it is closed. */
function subscriber(port: number): Worker {
  const code = `
    const { NacosNamingClient } = require('nacos');
    const silent = { debug() {}, info() {}, warn() {}, error() {}, log() {} };
    const client = new NacosNamingClient({ logger: silent, serverList: '127.0.0.1:${port}', namespace: 'public' });
    client.on('error', () => undefined);
    client.ready().then(() => client.subscribe({ serviceName: '${NAME}', groupName: 'DEFAULT_GROUP' }, () => undefined));
  `;
  return new Worker(code, { eval: true, stderr: true, stdout: true });
}
