import { expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { Test } from '@nestjs/testing';
import { AdsTransport } from './ads.transport.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { sotwClient } from './testing/ads-client.ts';
import { CDS } from './type-urls.ts';
import { adsServer } from './xds-server.ts';

test('a Nest application starts the server with its other transports and closes it with itself', async () => {
  const server = adsServer({ host: '127.0.0.1', port: 0, provider: { viewFor: () => new SnapshotStore([CDS]) } });
  const module = await Test.createTestingModule({}).compile();
  const app = module.createNestMicroservice({ strategy: new AdsTransport(server), logger: false });
  await app.listen();
  const client = sotwClient({ port: server.port! });
  client.send({ node: { id: 'web' }, typeUrl: CDS });
  expect((await client.next()).typeUrl).toBe(CDS);
  await app.close();
  expect((await client.ended).code).toBe(status.UNAVAILABLE);
  client.close();
});
