import { describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { status } from '@grpc/grpc-js';
import { deltaClient } from './testing/ads-client.ts';
import { RawClient } from './testing/raw-client.ts';
import { servedByTest } from './testing/served.ts';
import { eventually } from './testing/test-server.ts';
import { CDS, EDS } from './type-urls.ts';
import { mcpServer } from './xds-server.ts';

const node = { id: 'web', cluster: 'c' };
const served = servedByTest();

describe('a server', () => {
  test('serves state of the world and delta, aggregated and by type', async () => {
    const { port } = await served.serve();
    const sotw = served.connect({ port });
    sotw.send({ node, typeUrl: CDS });
    expect(await sotw.next()).toMatchObject({
      typeUrl: CDS,
      versionInfo: served.store.version(CDS),
      resources: [{ typeUrl: CDS }],
    });
    const delta = deltaClient({ port });
    served.closing(delta);
    delta.send({ node, typeUrl: CDS });
    expect(await delta.next()).toMatchObject({ typeUrl: CDS, resources: [{ name: 'a', version: '1' }] });
    const clusters = served.connect({ port, path: '/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters' });
    clusters.send({ node });
    expect(await clusters.next()).toMatchObject({ typeUrl: CDS, resources: [{ typeUrl: CDS }] });
    const endpoints = deltaClient({ port, path: '/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints' });
    served.closing(endpoints);
    endpoints.send({ node, resourceNamesSubscribe: ['x'] });
    expect(await endpoints.next()).toMatchObject({ typeUrl: EDS, removedResources: ['x'] });
  });

  test('tells which clients it has, what they took, and forgets those that leave', async () => {
    const { server, port } = await served.serve();
    const client = served.connect({ port });
    client.send({ node, typeUrl: CDS });
    const { nonce } = await client.next();
    client.send({ typeUrl: CDS, responseNonce: nonce });
    await eventually(() => server.clients()[0]?.types[0]?.acked !== undefined);
    expect(server.clients()).toMatchObject([
      { node: 'web', transport: 'sotw', types: [{ type: CDS, acked: served.store.version(CDS) }] },
    ]);
    expect(server.config('web')).toMatchObject({ types: [{ resources: [{ name: 'a', version: '1', pending: false }] }] });
    expect(server.config('other')).toBeUndefined();
    client.close();
    await eventually(() => server.clients().length === 0);
    expect(served.events.map(({ kind }) => kind)).toEqual(['connected', 'pushed', 'acked', 'disconnected']);
  });

  test('answers nothing until it is ready', async () => {
    const ready = Promise.withResolvers<void>();
    const { server, port } = await served.serve({ ready: ready.promise });
    const client = served.connect({ port });
    client.send({ node, typeUrl: CDS });
    await eventually(() => server.clients().length === 1);
    expect(client.received).toEqual([]);
    served.set(CDS, 'b', '1');
    ready.resolve();
    expect((await client.next()).resources.length).toBe(2);
  });

  test('ends its streams with UNAVAILABLE when it closes, and lets the port go', async () => {
    const { server, port } = await served.serve();
    const client = served.connect({ port });
    client.send({ node, typeUrl: CDS });
    await client.next();
    await server.close();
    expect(await client.ended).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('reconnect') });
    const again = await served.serve({ port });
    expect(again.port).toBe(port);
  });

  test('tells connections that it takes no more streams (GOAWAY), lets what is under way arrive, and then ends', async () => {
    const { server, port } = await served.serve();
    served.store.commit([{ type: CDS, name: 'big', resource: { name: 'big', version: '1', bytes: Buffer.alloc(1024 * 1024) } }]);
    const client = new RawClient(port);
    served.closing(client);
    const goaway = new Promise((resolve) => client.session.once('goaway', resolve));
    client.send({ node, typeUrl: CDS });
    await eventually(() => served.events.some(({ kind }) => kind === 'pushed'));
    const closed = server.close();
    await goaway;
    let bytes = 0;
    client.stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    expect(await client.ended).toMatchObject({ 'grpc-status': String(status.UNAVAILABLE) });
    expect(bytes).toBeGreaterThan(1024 * 1024);
    await closed;
    expect(server.rejections()).toEqual([]); // to be sent away by a restart is no fault of the client's
  });

  test('closes although a client does not read', async () => {
    const { server, port } = await served.serve();
    served.store.commit([
      { type: CDS, name: 'big', resource: { name: 'big', version: '1', bytes: Buffer.alloc(64 * 1024 * 1024) } },
    ]);
    const client = served.connect({ port });
    client.pause();
    client.send({ node, typeUrl: CDS });
    await eventually(() => served.events.some(({ kind }) => kind === 'pushed'));
    await server.close();
    expect(server.clients()).toEqual([]);
  });

  test('says who cannot be served because it is full', async () => {
    const { port } = await served.serve({ limits: { streams: 1 } });
    const first = served.connect({ port });
    first.send({ node, typeUrl: CDS });
    await first.next();
    const second = served.connect({ port });
    expect(await second.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('1 streams are open'),
    });
  });

  test('refuses a request that is too large', async () => {
    const { port } = await served.serve({ limits: { requestBytes: 1_000 } });
    const client = served.connect({ port });
    client.send({ node, typeUrl: 'x'.repeat(2_000) });
    expect((await client.ended).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('survives a provider that fails on a node', async () => {
    const { port } = await served.serve({
      provider: {
        viewFor: ({ id }) => {
          if (id === 'odd') throw new Error('no such thing');
          return served.store;
        },
      },
    });
    const odd = served.connect({ port });
    odd.send({ node: { id: 'odd' }, typeUrl: CDS });
    expect(await odd.ended).toMatchObject({ code: status.INTERNAL, details: expect.stringContaining('no such thing') });
    const fine = served.connect({ port });
    fine.send({ node, typeUrl: CDS });
    await fine.next();
  });

  test('names the address that it cannot have', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    served.closing(taken);
    const { port } = taken.address() as AddressInfo;
    await expect(served.serve({ port })).rejects.toMatchObject({ code: 'listen.refused', where: `127.0.0.1:${port}` });
  });
});

describe('an MCP server', () => {
  const SE = 'networking.istio.io/v1/ServiceEntry';
  const entry = (name: string, version: string): void => served.set(SE, `shop/${name}`, version);

  test('answers istiod, which asks for whole types, and no type of its own service', async () => {
    const { server, port } = await served.serve({}, mcpServer);
    const istiod = served.connect({ port });
    istiod.send({ typeUrl: 'networking.istio.io/v1/Gateway', responseNonce: 'first' });
    expect(await istiod.next()).toMatchObject({ typeUrl: 'networking.istio.io/v1/Gateway', resources: [] });
    expect(server.clients()).toMatchObject([{ transport: 'mcp' }]);
    const clusters = served.connect({ port, path: '/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters' });
    expect((await clusters.ended).code).toBe(status.UNIMPLEMENTED);
  });

  test('tells a client that takes deltas names, versions and what is gone, each resource as an MCP resource', async () => {
    const { port } = await served.serve({}, mcpServer);
    entry('orders', '1');
    entry('payments', '1');
    const bridge = deltaClient({ port });
    served.closing(bridge);
    bridge.send({ node, typeUrl: SE, resourceNamesSubscribe: ['*'] });
    const first = await bridge.next();
    expect(first.resources.map(({ name, version }) => `${name} ${version}`)).toEqual(['shop/orders 1', 'shop/payments 1']);
    expect(first.resources[0]?.resource?.typeUrl).toBe('type.googleapis.com/istio.mcp.v1alpha1.Resource');
    bridge.send({ typeUrl: SE, responseNonce: first.nonce });
    served.store.commit([{ type: SE, name: 'shop/orders', resource: undefined }]);
    expect(await bridge.next()).toMatchObject({ typeUrl: SE, resources: [], removedResources: ['shop/orders'] });
  });

  test('a client that comes back with its versions is sent only what it misses', async () => {
    const { port } = await served.serve({}, mcpServer);
    entry('orders', '2');
    entry('payments', '1');
    const bridge = deltaClient({ port });
    served.closing(bridge);
    const initialResourceVersions = { 'shop/orders': '1', 'shop/payments': '1', 'shop/gone': '1' };
    bridge.send({ node, typeUrl: SE, resourceNamesSubscribe: ['*'], initialResourceVersions });
    const { resources, removedResources } = await bridge.next();
    expect(resources.map(({ name }) => name)).toEqual(['shop/orders']);
    expect(removedResources).toEqual(['shop/gone']);
  });
});
