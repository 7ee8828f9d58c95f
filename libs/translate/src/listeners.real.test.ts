import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ListenerSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { freePorts, provide, servers, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import type { AddressInfo, Server, Socket } from 'node:net';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { gatewayListeners } from './gateways/gateway-listeners.ts';
import { mergeGateways } from './gateways/merge.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './names.ts';
import { gatewayRouteResource } from './routes/gateway-route.ts';
import { selfSigned } from './testing/certificates.ts';
import { sidecarRouteResource } from './routes/sidecar-routes.ts';
import { FilesystemXds } from './testing/filesystem-xds.ts';
import { listenerCaseNames, listenersOf, readListenersCase, scopeOf } from './testing/listeners-case.ts';
import type { Certificate } from './testing/certificates.ts';

let dir: string;
let certificates: { readonly server: Certificate; readonly vault: Certificate; readonly safe: Certificate };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-listeners-'));
  const [server, vault, safe] = await Promise.all(
    ['web.example', 'vault.example', 'safe.example'].map((n) => selfSigned(dir, n)),
  );
  certificates = { server: server as Certificate, vault: vault as Certificate, safe: safe as Certificate };
});

const upstreams: Server[] = [];

afterAll(async () => {
  for (const server of upstreams) server.close();
  await rm(dir, { recursive: true, force: true });
});

async function listen(server: Server): Promise<number> {
  upstreams.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

// Proxyless gRPC's listeners are no listeners to Envoy.
test.each(listenerCaseNames().filter((name) => name !== 'grpc'))('Envoy takes the listeners of %s', async (name) => {
  const { scope, asks } = readListenersCase(name);
  const listeners = listenersOf(scope, asks).map(({ bytes }) =>
    toJson(ListenerSchema, fromBinary(ListenerSchema, bytes), { registry: typeRegistry }),
  );
  const { server } = certificates;
  const text = JSON.stringify({ ...bootstrapOf(listeners) })
    .replaceAll('/certs/server.key', server.keyFile)
    .replaceAll(/\/certs\/(?:server|ca)\.pem/g, server.certFile);
  const file = join(dir, `${name}.json`);
  await writeFile(file, text);
  await expect(validate(file)).resolves.toContain('OK');
});

/** Listeners that are part of the bootstrap ask for routes as others do; the clusters need not be there. */
function bootstrapOf(listeners: readonly unknown[]): Record<string, unknown> {
  const socketAddress = { address: '127.0.0.1', portValue: 1 };
  const xds = {
    name: 'xds',
    type: 'STATIC',
    loadAssignment: { clusterName: 'xds', endpoints: [{ lbEndpoints: [{ endpoint: { address: { socketAddress } } }] }] },
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicitHttpConfig: { http2ProtocolOptions: {} },
      },
    },
  };
  const grpcServices = [{ envoyGrpc: { clusterName: 'xds' } }];
  // What routes name inside a listener of the bootstrap has to be there.
  const others = JSON.stringify(listeners).match(/"cluster":"[^"]+"/g) ?? [];
  const named = [...new Set(others.map((text) => text.slice('"cluster":"'.length, -1)))];
  return {
    node: { id: 'sidecar~127.0.0.1~web.shop~shop', cluster: 'test' },
    dynamicResources: { adsConfig: { apiType: 'GRPC', transportApiVersion: 'V3', grpcServices } },
    staticResources: { listeners, clusters: [xds, ...named.map((name) => ({ name, type: 'STATIC' }))] },
  };
}

async function validate(file: string): Promise<string> {
  const { home } = await provide('envoy');
  const { recipe } = servers.envoy;
  if (recipe.kind !== 'wheel') throw new Error('envoy is not a wheel');
  const { stdout, stderr } = await promisify(execFile)(join(home, recipe.program), ['--mode', 'validate', '-c', file]);
  return stdout + stderr;
}

describe('an edge', () => {
  let envoy: EnvoyServer;
  let ports: { readonly plain: number; readonly tls: number; readonly tcp: number };

  beforeAll(async () => {
    const [plain, tls, tcp] = (await freePorts(3)) as [number, number, number];
    ports = { plain, tls, tcp };
    const { server, vault, safe } = certificates;
    const web = await listen(createServer((request, answer) => answer.end(`web ${request.headers['x-forwarded-proto']}`)));
    const vaultPort = await listen(createTlsServer(vault, (socket) => socket.end('vault')));
    const safePort = await listen(createTlsServer(safe, (socket) => socket.end('safe')));
    const a = await listen(createTcpServer((socket) => socket.end('a')));
    const b = await listen(createTcpServer((socket) => socket.end('b')));
    const at = (port: number) => [{ address: '127.0.0.1', port }];
    const tlsPorts = [{ number: 8443, name: 'tls', protocol: 'tls' as const }];
    const tcpPorts = [{ number: 9000, name: 'tcp', protocol: 'tcp' as const }];
    const services = [
      { host: 'web.example', endpoints: at(web) },
      { host: 'vault.example', ports: tlsPorts, endpoints: at(vaultPort) },
      { host: 'safe.example', ports: tlsPorts, endpoints: at(safePort) },
      { host: 'a.example', ports: tcpPorts, endpoints: at(a) },
      { host: 'b.example', ports: tcpPorts, endpoints: at(b) },
    ];
    const objects = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - { port: { number: ${plain}, name: http, protocol: HTTP }, bind: 127.0.0.1, hosts: [web.example], tls: { httpsRedirect: true } }
    - port: { number: ${tls}, name: https, protocol: HTTPS }
      bind: 127.0.0.1
      hosts: [web.example]
      tls: { mode: SIMPLE, serverCertificate: ${server.certFile}, privateKey: ${server.keyFile}, minProtocolVersion: TLSV1_3 }
    - { port: { number: ${tls}, name: tls, protocol: TLS }, bind: 127.0.0.1, hosts: ['*'], tls: { mode: PASSTHROUGH } }
    - { port: { number: ${tcp}, name: tcp, protocol: TCP }, bind: 127.0.0.1, hosts: ['*'] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec: { hosts: [web.example], gateways: [edge], http: [{ route: [{ destination: { host: web.example } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tls }
spec:
  hosts: [vault.example, safe.example]
  gateways: [edge]
  tls:
    - { match: [{ sniHosts: [vault.example] }], route: [{ destination: { host: vault.example } }] }
    - { match: [{ sniHosts: [safe.example] }], route: [{ destination: { host: safe.example } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tcp }
spec:
  hosts: [tcp.example]
  gateways: [edge]
  tcp:
    - route: [{ destination: { host: a.example }, weight: 75 }, { destination: { host: b.example }, weight: 25 }]
`;
    const scope = scopeOf({ proxy: { kind: 'router', addresses: ['127.0.0.1'] }, services }, objects);
    const merged = mergeGateways(scope.gateways, scope.own);
    const seen = [...(scope.egress[0]?.services() ?? [])];
    const files = new FilesystemXds(join(dir, 'xds'));
    await files.write(
      new Map([
        [CLUSTER_TYPE, seen.flatMap(clusterResources)],
        [ENDPOINT_TYPE, seen.flatMap(endpointResources)],
        [LISTENER_TYPE, gatewayListeners(scope, merged)],
        [ROUTE_TYPE, [...merged.routes].map(([name, each]) => gatewayRouteResource(scope, name, each))],
      ]),
    );
    envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
  }, 60_000);

  afterAll(() => envoy?.stop());

  const over = (servername: string) =>
    connectTls({ host: '127.0.0.1', port: ports.tls, servername, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });

  test('sends plain HTTP to https', async () => {
    const socket = connect(ports.plain, '127.0.0.1');
    socket.write('GET /x HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\n\r\n');
    expect(await read(socket)).toMatch(/^HTTP\/1.1 301 [\s\S]*location: https:\/\/web\.example\/x\r\n/);
  });

  test('terminates TLS with its certificate and routes what is inside', async () => {
    const socket = over('web.example');
    socket.write('GET / HTTP/1.1\r\nhost: web.example\r\nconnection: close\r\n\r\n');
    const text = await read(socket);
    expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*web https$/);
  });

  test('speaks no older TLS than it is told', async () => {
    const old = connectTls({ host: '127.0.0.1', port: ports.tls, servername: 'web.example', maxVersion: 'TLSv1.2' });
    await expect(read(old)).rejects.toThrow(/alert|protocol version|ECONNRESET/i);
  });

  test.each(['vault', 'safe'])('passes TLS for %s on to who has that name', async (name) => {
    const socket = over(`${name}.example`);
    expect(await read(socket)).toBe(name);
  });

  test('ends a connection for a name that nobody has', async () => {
    await expect(read(over('nobody.example'))).rejects.toThrow(/ECONNRESET|disconnected/);
  });

  test('splits connections by weight', async () => {
    const counts: Record<string, number> = { a: 0, b: 0 };
    for (let n = 0; n < 400; n++) {
      const answer = await read(connect(ports.tcp, '127.0.0.1'));
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
    // 300 are expected; nine standard deviations on either side.
    expect(counts['a']).toBeGreaterThan(220);
    expect(counts['b']).toBeGreaterThan(20);
    expect((counts['a'] ?? 0) + (counts['b'] ?? 0)).toBe(400);
  });
});

describe('a sidecar without interception', () => {
  let envoy: EnvoyServer;
  let ports: { readonly http: number; readonly tcp: number };

  beforeAll(async () => {
    const [web, shop, first, second] = await Promise.all([
      listen(createServer((_, answer) => answer.end('web'))),
      listen(createServer((_, answer) => answer.end('shop'))),
      listen(createTcpServer((socket) => socket.end('first'))),
      listen(createTcpServer((socket) => socket.end('second'))),
    ]);
    const [http, tcp] = (await freePorts(2)) as [number, number];
    ports = { http, tcp };
    const httpPorts = [{ number: http, name: 'http', protocol: 'http' as const }];
    const tcpPorts = [{ number: tcp, name: 'tcp', protocol: 'tcp' as const }];
    const services = [
      { host: 'web.example', ports: httpPorts, endpoints: [{ address: '127.0.0.1', port: web }] },
      { host: 'shop.example', ports: httpPorts, endpoints: [{ address: '127.0.0.1', port: shop }] },
      { host: 'db.example', ports: tcpPorts, endpoints: [{ address: '127.0.0.1', port: first }] },
      { host: 'other.example', ports: tcpPorts, endpoints: [{ address: '127.0.0.1', port: second }] },
    ];
    const rule = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db }
spec: { hosts: [db.example], tcp: [{ route: [{ destination: { host: other.example } }] }] }
`;
    const scope = scopeOf({ proxy: { interception: 'none', addresses: ['127.0.0.1'] }, services }, rule);
    const seen = [...(scope.egress[0]?.services() ?? [])];
    const files = new FilesystemXds(join(dir, 'sidecar'));
    await files.write(
      new Map([
        [CLUSTER_TYPE, seen.flatMap(clusterResources)],
        [ENDPOINT_TYPE, seen.flatMap(endpointResources)],
        [LISTENER_TYPE, listenersOf(scope, [])],
        [ROUTE_TYPE, [sidecarRouteResource(scope, `${http}`)]],
      ]),
    );
    envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
  }, 60_000);

  afterAll(() => envoy?.stop());

  test.each(['web', 'shop'])('sends HTTP on the port that services share to %s by Host', async (name) => {
    const socket = connect(ports.http, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nhost: ${name}.example\r\nconnection: close\r\n\r\n`);
    expect(await read(socket)).toMatch(new RegExp(`^HTTP/1.1 200 [^]*\\r\\n\\r\\n${name}$`));
  });

  test('sends connections where the rule of the service says', async () => {
    expect(await read(connect(ports.tcp, '127.0.0.1'))).toBe('second');
  });
});

async function read(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
