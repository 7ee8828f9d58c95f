import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { ConsulClient } from './client.ts';
import { Http1Transport } from './transport.ts';

async function freedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the client of Consul', () => {
  test('says why an agent cannot be reached, also where papi hands the error on as if it were the answer', async () => {
    const server = new URL(`http://127.0.0.1:${await freedPort()}`);
    const transport = new Http1Transport({ server, tls: {}, maxConnections: 1, onMessage: undefined });
    const client = new ConsulClient(server, undefined, 1_000, transport);
    await expect(client.services({ dc: undefined })).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await client.close();
  });
});
