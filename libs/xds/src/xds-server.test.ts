import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { SnapshotStore } from './snapshot-store.ts';
import { deltaClient, sotwClient } from './testing/ads-client.ts';
import type { AdsClientOptions, SotwClient } from './testing/ads-client.ts';
import { RawClient } from './testing/raw-client.ts';
import { eventually } from './testing/test-server.ts';
import { CDS, EDS } from './type-urls.ts';
import type { XdsEvent } from './xds-event.ts';
import { adsServer, mcpServer } from './xds-server.ts';
import type { XdsServer } from './xds-server.ts';
import type { XdsServerOptions } from './server-options.ts';

const node = { id: 'web', cluster: 'c' };
let dir: string;
let store: SnapshotStore;
let events: XdsEvent[];
const toClose: { close(): unknown }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-xds-'));
  store = new SnapshotStore([CDS, EDS]);
  set(CDS, 'a', '1');
  events = [];
});

afterEach(async () => {
  for (const one of toClose.splice(0).toReversed()) await one.close();
  await rm(dir, { recursive: true });
});

function set(type: string, name: string, version: string): void {
  store.commit([{ type, name, resource: { name, version, bytes: Buffer.from(version) } }]);
}

async function serve(more: Partial<XdsServerOptions> = {}, make = adsServer): Promise<{ server: XdsServer; port: number }> {
  const server = make({
    host: '127.0.0.1',
    port: 0,
    provider: { viewFor: () => store },
    onEvent: (event) => events.push(event),
    ...more,
  });
  toClose.push(server);
  return { server, port: await server.listen() };
}

function connect(options: AdsClientOptions): SotwClient {
  const client = sotwClient(options);
  toClose.push(client);
  return client;
}

describe('a server', () => {
  test('serves state of the world and delta, aggregated and by type', async () => {
    const { port } = await serve();
    const sotw = connect({ port });
    sotw.send({ node, typeUrl: CDS });
    expect(await sotw.next()).toMatchObject({ typeUrl: CDS, versionInfo: store.version(CDS), resources: [{ typeUrl: CDS }] });
    const delta = deltaClient({ port });
    toClose.push(delta);
    delta.send({ node, typeUrl: CDS });
    expect(await delta.next()).toMatchObject({ typeUrl: CDS, resources: [{ name: 'a', version: '1' }] });
    const clusters = connect({ port, path: '/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters' });
    clusters.send({ node });
    expect(await clusters.next()).toMatchObject({ typeUrl: CDS, resources: [{ typeUrl: CDS }] });
    const endpoints = deltaClient({ port, path: '/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints' });
    toClose.push(endpoints);
    endpoints.send({ node, resourceNamesSubscribe: ['x'] });
    expect(await endpoints.next()).toMatchObject({ typeUrl: EDS, removedResources: ['x'] });
  });

  test('tells which clients it has, what they took, and forgets those that leave', async () => {
    const { server, port } = await serve();
    const client = connect({ port });
    client.send({ node, typeUrl: CDS });
    const { nonce } = await client.next();
    client.send({ typeUrl: CDS, responseNonce: nonce });
    await eventually(() => server.clients()[0]?.types[0]?.acked !== undefined);
    expect(server.clients()).toMatchObject([
      { node: 'web', transport: 'sotw', types: [{ type: CDS, acked: store.version(CDS) }] },
    ]);
    expect(server.config('web')).toMatchObject({ types: [{ resources: [{ name: 'a', version: '1', pending: false }] }] });
    expect(server.config('other')).toBeUndefined();
    client.close();
    await eventually(() => server.clients().length === 0);
    expect(events.map(({ kind }) => kind)).toEqual(['connected', 'pushed', 'acked', 'disconnected']);
  });

  test('answers nothing until it is ready', async () => {
    const ready = Promise.withResolvers<void>();
    const { server, port } = await serve({ ready: ready.promise });
    const client = connect({ port });
    client.send({ node, typeUrl: CDS });
    await eventually(() => server.clients().length === 1);
    expect(client.received).toEqual([]);
    set(CDS, 'b', '1');
    ready.resolve();
    expect((await client.next()).resources.length).toBe(2);
  });

  test('ends its streams with UNAVAILABLE when it closes, and lets the port go', async () => {
    const { server, port } = await serve();
    const client = connect({ port });
    client.send({ node, typeUrl: CDS });
    await client.next();
    await server.close();
    expect(await client.ended).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('reconnect') });
    const again = await serve({ port });
    expect(again.port).toBe(port);
  });

  test('tells connections that it takes no more streams (GOAWAY), lets what is under way arrive, and then ends', async () => {
    const { server, port } = await serve();
    store.commit([{ type: CDS, name: 'big', resource: { name: 'big', version: '1', bytes: Buffer.alloc(1024 * 1024) } }]);
    const client = new RawClient(port);
    toClose.push(client);
    const goaway = new Promise((resolve) => client.session.once('goaway', resolve));
    client.send({ node, typeUrl: CDS });
    await eventually(() => events.some(({ kind }) => kind === 'pushed'));
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
    const { server, port } = await serve();
    store.commit([{ type: CDS, name: 'big', resource: { name: 'big', version: '1', bytes: Buffer.alloc(64 * 1024 * 1024) } }]);
    const client = connect({ port });
    client.pause();
    client.send({ node, typeUrl: CDS });
    await eventually(() => events.some(({ kind }) => kind === 'pushed'));
    await server.close();
    expect(server.clients()).toEqual([]);
  });

  test('says who cannot be served because it is full', async () => {
    const { port } = await serve({ limits: { streams: 1 } });
    const first = connect({ port });
    first.send({ node, typeUrl: CDS });
    await first.next();
    const second = connect({ port });
    expect(await second.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('1 streams are open'),
    });
  });

  test('refuses a request that is too large', async () => {
    const { port } = await serve({ limits: { requestBytes: 1_000 } });
    const client = connect({ port });
    client.send({ node, typeUrl: 'x'.repeat(2_000) });
    expect((await client.ended).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('survives a provider that fails on a node', async () => {
    const { port } = await serve({
      provider: {
        viewFor: ({ id }) => {
          if (id === 'odd') throw new Error('no such thing');
          return store;
        },
      },
    });
    const odd = connect({ port });
    odd.send({ node: { id: 'odd' }, typeUrl: CDS });
    expect(await odd.ended).toMatchObject({ code: status.INTERNAL, details: expect.stringContaining('no such thing') });
    const fine = connect({ port });
    fine.send({ node, typeUrl: CDS });
    await fine.next();
  });

  test('names the address that it cannot have', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    toClose.push(taken);
    const { port } = taken.address() as AddressInfo;
    await expect(serve({ port })).rejects.toMatchObject({ code: 'listen.refused', where: `127.0.0.1:${port}` });
  });
});

describe('an MCP server', () => {
  const SE = 'networking.istio.io/v1/ServiceEntry';
  const entry = (name: string, version: string): void => set(SE, `shop/${name}`, version);

  test('answers istiod, which asks for whole types, and no type of its own service', async () => {
    const { server, port } = await serve({}, mcpServer);
    const istiod = connect({ port });
    istiod.send({ typeUrl: 'networking.istio.io/v1/Gateway', responseNonce: 'first' });
    expect(await istiod.next()).toMatchObject({ typeUrl: 'networking.istio.io/v1/Gateway', resources: [] });
    expect(server.clients()).toMatchObject([{ transport: 'mcp' }]);
    const clusters = connect({ port, path: '/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters' });
    expect((await clusters.ended).code).toBe(status.UNIMPLEMENTED);
  });

  test('tells a client that takes deltas names, versions and what is gone, each resource as an MCP resource', async () => {
    const { port } = await serve({}, mcpServer);
    entry('orders', '1');
    entry('payments', '1');
    const bridge = deltaClient({ port });
    toClose.push(bridge);
    bridge.send({ node, typeUrl: SE, resourceNamesSubscribe: ['*'] });
    const first = await bridge.next();
    expect(first.resources.map(({ name, version }) => `${name} ${version}`)).toEqual(['shop/orders 1', 'shop/payments 1']);
    expect(first.resources[0]?.resource?.typeUrl).toBe('type.googleapis.com/istio.mcp.v1alpha1.Resource');
    bridge.send({ typeUrl: SE, responseNonce: first.nonce });
    store.commit([{ type: SE, name: 'shop/orders', resource: undefined }]);
    expect(await bridge.next()).toMatchObject({ typeUrl: SE, resources: [], removedResources: ['shop/orders'] });
  });

  test('a client that comes back with its versions is sent only what it misses', async () => {
    const { port } = await serve({}, mcpServer);
    entry('orders', '2');
    entry('payments', '1');
    const bridge = deltaClient({ port });
    toClose.push(bridge);
    const initialResourceVersions = { 'shop/orders': '1', 'shop/payments': '1', 'shop/gone': '1' };
    bridge.send({ node, typeUrl: SE, resourceNamesSubscribe: ['*'], initialResourceVersions });
    const { resources, removedResources } = await bridge.next();
    expect(resources.map(({ name }) => name)).toEqual(['shop/orders']);
    expect(removedResources).toEqual(['shop/gone']);
  });
});
