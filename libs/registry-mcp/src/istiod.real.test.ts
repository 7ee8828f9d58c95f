import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceEntry_Location, ServiceEntry_Resolution } from '@isthmus/proto/istio';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { startIstiod } from '@isthmus/servers';
import type { IstiodServer } from '@isthmus/servers';
import { FakeMcp } from './testing/fake-mcp.ts';
import { ID, SERVICES, openMcp } from './testing/harness.ts';
import { serviceEntry } from './testing/mcp-resource.ts';

const SCOPE = { source: ID, namespace: '', group: '' };

/** istiod is a client of MCP, and a server of it too (GENERATOR: api). */
let upstream: FakeMcp;
let istiod: IstiodServer;
let view: Collector;

const entry = (name: string, address: string) =>
  serviceEntry(`shop/${name}`, {
    hosts: [`${name}.mesh`],
    ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
    location: ServiceEntry_Location.MESH_INTERNAL,
    resolution: ServiceEntry_Resolution.STATIC,
    endpoints: [{ address, ports: { http: 8080 } }],
  });

beforeAll(async () => {
  upstream = new FakeMcp({ delta: false });
  await upstream.listen();
  upstream.put(SERVICES, entry('orders', '10.0.0.1'));
  istiod = await startIstiod({ meshConfig: { configSources: [{ address: `xds://127.0.0.1:${upstream.port}` }] } });
  view = collect(openMcp([`127.0.0.1:${istiod.ports.grpc}`], { timeout: '5s', keepalive: '20s' }));
}, 300_000);

afterAll(async () => {
  await view?.stop();
  await istiod?.stop();
  upstream?.close();
}, 60_000);

test('the ServiceEntries that an istiod has are read from it, and their changes', async () => {
  await view.until('orders', (v) => v.endpoints('orders.mesh')[0]?.address === '10.0.0.1', 30_000);
  await view.until('live', (v) => v.status(SCOPE)?.state === 'live');
  upstream.put(SERVICES, entry('orders', '10.0.0.2'), entry('stock', '10.0.0.3'));
  await view.until('changed', (v) => v.endpoints('orders.mesh')[0]?.address === '10.0.0.2' && v.has('stock.mesh'), 30_000);
  upstream.remove(SERVICES, 'shop/stock');
  await view.until('gone', (v) => !v.has('stock.mesh'), 30_000);
}, 100_000);

test('an istiod that is killed leaves a stale source with all its services', async () => {
  await istiod.kill();
  await view.until('stale', (v) => v.status(SCOPE)?.state === 'stale', 30_000);
  expect(view.endpoints('orders.mesh')).toHaveLength(1);
  expect(view.violations).toEqual([]);
}, 60_000);
