import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { SinkEntry } from '@isthmus/registry';
import { eurekaSchema } from './config.ts';
import { eurekaSink } from './sink.ts';

const ENTRY: SinkEntry = {
  at: { namespace: '', group: '', name: 'Orders' },
  address: '10.0.0.1',
  port: 8443,
  protocol: 'https',
  weight: 2,
  metadata: { version: 'v1' },
  marks: { mesh: 'shop', origin: 'k8s/shop//orders', path: ['shop'], owner: 'me', version: 'abc' },
  ttlMs: 30_000,
};
const ID = '/eureka/apps/ORDERS/isthmus%3Ashop%3Aorders%3A10.0.0.1%3A8443';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function eureka(answer: (line: string) => { status: number; body?: string } | undefined = () => undefined) {
  const asked: { readonly line: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const line = `${request.method} ${request.url}`;
      asked.push({ line, body });
      const { status, body: text } = answer(line) ?? { status: line.startsWith('GET') ? 404 : 204 };
      response.writeHead(status).end(text);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/eureka`;
  const config = eurekaSchema.parse({ name: 'old', kind: 'eureka', servers: [url], timeout: '1s' });
  const { signal } = new AbortController();
  const wire = eurekaSink(config, { clock: { now: () => 1_000 }, baseDir: '.', meshId: 'shop' });
  const session = await wire.connect(0, signal);
  return { asked, session, signal };
}

describe('what is written into Eureka', () => {
  test('an instance as Spring Cloud registers it: VIP is the application, the open port, the lease, the marks', async () => {
    const { asked, session, signal } = await eureka();
    await session.register(ENTRY, signal);
    session.close();
    expect(asked[1]?.line).toBe('POST /eureka/apps/ORDERS');
    expect(JSON.parse(asked[1]?.body ?? '')).toEqual({
      instance: {
        instanceId: 'isthmus:shop:orders:10.0.0.1:8443',
        hostName: '10.0.0.1',
        app: 'ORDERS',
        ipAddr: '10.0.0.1',
        status: 'UP',
        overriddenStatus: 'UNKNOWN',
        port: { $: 80, '@enabled': 'false' },
        securePort: { $: 8443, '@enabled': 'true' },
        countryId: 1,
        dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
        leaseInfo: { renewalIntervalInSecs: 8, durationInSecs: 30 },
        metadata: {
          version: 'v1',
          weight: '2',
          'management.port': '8443',
          'isthmus-mesh': 'shop',
          'isthmus-origin': 'k8s/shop//orders',
          'isthmus-path': 'shop',
          'isthmus-owner': 'me',
          'isthmus-version': 'abc',
        },
        homePageUrl: 'https://10.0.0.1:8443/',
        statusPageUrl: 'https://10.0.0.1:8443/actuator/info',
        healthCheckUrl: 'https://10.0.0.1:8443/actuator/health',
        vipAddress: 'orders',
        secureVipAddress: 'orders',
        isCoordinatingDiscoveryServer: 'false',
        lastUpdatedTimestamp: '1000',
        lastDirtyTimestamp: '1000',
      },
    });
  });

  test('it is renewed by its id, and taken away as Spring Cloud does: DOWN, newer than before, then DELETE', async () => {
    const { asked, session, signal } = await eureka();
    await session.register(ENTRY, signal);
    expect(await session.renew(ENTRY, signal)).toBe('renewed');
    await session.deregister(ENTRY, signal);
    session.close();
    expect(asked.slice(2).map((one) => one.line)).toEqual([`PUT ${ID}`, 'POST /eureka/apps/ORDERS', `DELETE ${ID}`]);
    expect(JSON.parse(asked[3]?.body ?? '').instance).toMatchObject({ status: 'DOWN', lastDirtyTimestamp: '1001' });
  });

  test('a renewal that is answered 404 is told; a deregistration of what is gone is none the worse', async () => {
    const { session, signal } = await eureka((line) => (/^(PUT|DELETE)/.test(line) ? { status: 404 } : undefined));
    expect(await session.renew(ENTRY, signal)).toBe('unknown');
    await session.deregister(ENTRY, signal);
    session.close();
  });

  test.each([
    [401, 'registry.auth'],
    [400, 'registry.protocol'],
    [500, 'registry.protocol'],
    [503, 'registry.unreachable'],
  ])('a refusal with %i is %s', async (status, code) => {
    const { session, signal } = await eureka((line) => (line.startsWith('POST') ? { status } : undefined));
    await expect(session.register(ENTRY, signal)).rejects.toMatchObject({ code });
    session.close();
  });
});
