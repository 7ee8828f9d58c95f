import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { eurekaSchema } from './config.ts';
import { EurekaWriter } from './writer.ts';

test('however many heartbeats it sends, it leaves nothing with the signal that ends them', async () => {
  const server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = eurekaSchema.parse({ name: 'old', kind: 'eureka', servers: [`http://127.0.0.1:${port}/eureka`] });
  const writer = await EurekaWriter.open(config, '.', 0);
  const { signal } = new AbortController();
  for (let n = 0; n < 3; n += 1)
    expect(await writer.call('PUT', '/apps/ORDERS/1', undefined, [], signal)).toMatchObject({ status: 200 });
  writer.close();
  server.close();
  // Of Node's own, and of another realm than this test: `AbortSignal.any` notes its signal there for good (20.20).
  const notes = Object.getOwnPropertySymbols(signal)
    .map((symbol): unknown => Reflect.get(signal, symbol))
    .filter((value) => typeof value === 'object' && value !== null && 'size' in value && value.size !== 0);
  expect([getEventListeners(signal, 'abort').length, notes.length]).toEqual([0, 0]);
});
