import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import type { Instance } from './discovery.ts';
import { Target } from './target.ts';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

function target({ instances = [], egressPort = 1 }: { instances?: readonly Instance[]; egressPort?: number }): Target {
  return new Target({
    service: 'payments',
    path: '/payments',
    discovery: { instances: () => instances },
    meshHost: 'payments.eureka',
    egress: { host: '127.0.0.1', port: egressPort },
  });
}

const at = (port: number): Instance => ({ host: '127.0.0.1', port, weight: 1, metadata: {} });
const hop = { service: 'payments', instance: 'a', version: 'v1', path: 'sdk', calls: [] };

test('by the SDK path an instance that discovery knows is dialled, and told which way the call came', async () => {
  let seen: unknown;
  const port = await serve((request, response) => {
    seen = [request.url, request.headers['x-lab-path']];
    response.end(JSON.stringify(hop));
  });
  expect(await target({ instances: [at(port)] }).call('sdk')).toEqual(hop);
  expect(seen).toEqual(['/payments', 'sdk']);
});

test('by the mesh path the egress is dialled, with the mesh host in the Host header', async () => {
  let host: string | undefined;
  const egressPort = await serve((request, response) => {
    host = request.headers.host;
    response.end(JSON.stringify({ ...hop, path: 'mesh' }));
  });
  expect(await target({ egressPort }).call('mesh')).toEqual({ ...hop, path: 'mesh' });
  expect(host).toBe('payments.eureka');
});

test('a service that no registry knows is pending, not broken', async () => {
  expect(await target({}).call('sdk')).toEqual({
    service: 'payments',
    path: 'sdk',
    unavailable: 'not registered yet',
    pending: true,
  });
});

test.each([
  [404, ''],
  [502, 'no service of the mesh has this Host; "isthmus explain HOST" says what the registries know of it'],
])('a host that Envoy has no route for (%i) is pending, however often it is asked', async (status, text) => {
  const egressPort = await serve((_, response) => response.writeHead(status).end(text));
  const payments = target({ egressPort });
  for (let call = 0; call < 30; call += 1) {
    expect(await payments.call('mesh')).toMatchObject({
      pending: true,
      unavailable: `not registered yet: Envoy has no route for payments.eureka (${status})`,
    });
  }
});

test('an answer of Envoy itself is named with its text', async () => {
  const egressPort = await serve((_, response) => response.writeHead(503).end('no healthy upstream'));
  expect(await target({ egressPort }).call('mesh')).toMatchObject({
    pending: false,
    unavailable: 'Envoy answered 503: no healthy upstream',
  });
});

test('an instance that is gone is an error with its address, and many of them open the breaker', async () => {
  const port = await serve(() => undefined);
  servers.splice(0).forEach((server) => server.close());
  const payments = target({ instances: [at(port)] });
  expect(await payments.call('sdk')).toMatchObject({ pending: false, unavailable: `connect ECONNREFUSED 127.0.0.1:${port}` });
  for (let call = 0; call < 20; call += 1) await payments.call('sdk');
  expect(await payments.call('sdk')).toMatchObject({ unavailable: 'breaker open after too many errors' });
});

test('an answer that is no hop is not passed on', async () => {
  const port = await serve((_, response) => response.end('<html>please log in</html>'));
  expect(await target({ instances: [at(port)] }).call('sdk')).toMatchObject({
    pending: false,
    unavailable: expect.stringContaining('please log in'),
  });
});
