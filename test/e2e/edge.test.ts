import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Server } from 'node:https';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { freePorts, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { selfSigned } from '@isthmus/translate/testing';
import type { Certificate } from '@isthmus/translate/testing';
import { Backend } from './support/backend.ts';
import { startCli } from './support/cli.ts';
import { rejectedOf } from './support/envoy.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly location: string | undefined;
  /** Common name of the certificate that was shown. */
  readonly shown: string | undefined;
}

/** An Envoy at the edge: what it listens on comes from Gateways, where it sends calls from VirtualServices, all from files. */
describe.each([[[]], [['--sotw']]])('an edge, %j:', (flags: readonly string[]) => {
  let directory: string;
  let bridge: RulesBridge;
  let envoy: EnvoyServer;
  let ports: { http: number; redirect: number; https: number; pass: number };
  let certificates: { web: Certificate; vault: Certificate };
  const backends: Backend[] = [];
  let vault: Server;
  let vaultCalls = 0;

  const http = (port: number, host: string, path = '/') => ask(request, { port, path, headers: { host } });
  const https = (port: number, host: string) =>
    ask(requestTls, { port, headers: { host }, servername: host, rejectUnauthorized: false });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-edge-'));
    const [web, secret] = await Promise.all(['shop.example', 'vault.example'].map((name) => selfSigned(directory, name)));
    certificates = { web: web as Certificate, vault: secret as Certificate };
    for (const name of ['v1', 'v2']) backends.push(await Backend.start(name));
    vault = createTlsServer({ cert: certificates.vault.cert, key: certificates.vault.key }, (_, response) => {
      vaultCalls += 1;
      response.end('vault');
    });
    await new Promise<void>((resolve) => vault.listen(0, '127.0.0.1', resolve));
    const [admin = 0, metrics = 0, plain = 0, redirect = 0, secure = 0, pass = 0] = await freePorts(6);
    ports = { http: plain, redirect, https: secure, pass };
    const [v1, v2] = backends as [Backend, Backend];
    bridge = await RulesBridge.start({
      'services.yaml': services([v1.port, v2.port], (vault.address() as AddressInfo).port),
      'gateway.yaml': gateway(ports, certificates.web),
      'rules.yaml': RULES,
    });
    const at = (port: number): string => `127.0.0.1:${port}`;
    const args = [
      '--node',
      'router~127.0.0.1~edge-1.edge~edge.svc.cluster.local',
      '--label',
      'istio=edge',
      '--xds',
      at(bridge.xds),
    ];
    const own = ['--admin', at(admin), '--metrics', at(metrics)];
    const { stdout } = await startCli(['proxy', 'bootstrap', ...args, ...own, ...flags], { cwd: directory }).ended;
    envoy = await startEnvoy({ bootstrap: stdout, ports: { admin }, readyWhen: 'live' });
  }, 180_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    vault?.closeAllConnections();
    vault?.close();
    await Promise.all(backends.map((backend) => backend.stop()));
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('HTTP goes where the VirtualService says: by path, and the rest by weight', async () => {
    for (let n = 0; n < 20; n += 1) expect(await http(ports.http, 'shop.example', '/new/x')).toMatchObject({ body: 'v2' });
    expect(backends.map(({ calls }) => calls)).toEqual([0, 20]);
    for (let n = 0; n < 20; n += 1) expect(await http(ports.http, 'shop.example')).toMatchObject({ status: 200, body: 'v1' });
    expect(backends.map(({ calls }) => calls)).toEqual([20, 20]);
  });

  test('a host that no server of the Gateway has is not found', async () => {
    expect(await http(ports.http, 'other.example')).toMatchObject({ status: 404 });
  });

  test('httpsRedirect answers 301, and nothing reaches the service', async () => {
    const before = backends.map(({ calls }) => calls);
    expect(await http(ports.redirect, 'shop.example', '/cart?x=1')).toMatchObject({
      status: 301,
      location: 'https://shop.example/cart?x=1',
    });
    expect(backends.map(({ calls }) => calls)).toEqual(before);
  });

  test('HTTPS ends at the edge with the certificate of the files', async () => {
    for (let n = 0; n < 10; n += 1)
      expect(await https(ports.https, 'shop.example')).toMatchObject({ status: 200, body: 'v1', shown: 'shop.example' });
  });

  test('PASSTHROUGH goes by SNI: the service shows its own certificate', async () => {
    for (let n = 0; n < 10; n += 1)
      expect(await https(ports.pass, 'vault.example')).toMatchObject({ status: 200, body: 'vault', shown: 'vault.example' });
    expect(vaultCalls).toBe(10);
    expect((await https(ports.pass, 'unknown.example')).status).toBe(0);
    expect(vaultCalls).toBe(10);
  });

  test('a changed rule counts from then on, without a call lost', async () => {
    await bridge.give('rules.yaml', RULES.replaceAll('subset: v1', 'subset: v2'));
    await until('all goes to v2', async () => {
      const { status, body } = await http(ports.http, 'shop.example');
      expect(status).toBe(200);
      return body === 'v2';
    });
  });

  test('nothing was rejected, and the bridge shows the router', async () => {
    expect(await rejectedOf(envoy)).toEqual({});
    const { stdout } = await startCli(['proxy', 'status', '--control', bridge.control], { cwd: directory }).ended;
    expect(stdout).toMatch(/router~127\.0\.0\.1~edge-1\.edge~edge\.svc\.cluster\.local .* Listener +all +acked /);
    const config = ['proxy', 'config', 'router~127.0.0.1~edge-1.edge~edge.svc.cluster.local', '--control', bridge.control];
    expect((await startCli(config, { cwd: directory }).ended).stdout).toMatch(/Listener +127\.0\.0\.1_\d+ +\S+ +sent/);
  });
});

function ask(send: typeof request | typeof requestTls, options: object): Promise<Answer> {
  return new Promise((resolve) => {
    const sent = send({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      const shown = (response.socket as Partial<TLSSocket>).getPeerCertificate?.() as PeerCertificate | undefined;
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.once('end', () => {
        const { statusCode = 0, headers } = response;
        const name = shown?.subject.CN;
        resolve({ status: statusCode, body, location: headers.location, shown: typeof name === 'string' ? name : undefined });
      });
    });
    const failed = (error: Error): void => resolve({ status: 0, body: error.message, location: undefined, shown: undefined });
    sent.once('error', failed).end();
  });
}

function services([v1, v2]: readonly [number, number], vault: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints:
    - { address: 127.0.0.1, ports: { http: ${v1} }, labels: { version: v1 } }
    - { address: 127.0.0.1, ports: { http: ${v2} }, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: orders.shop.svc.cluster.local
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: vault, namespace: shop }
spec:
  hosts: [vault.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 443, name: tls, protocol: TLS, targetPort: ${vault} }]
  endpoints: [{ address: 127.0.0.1 }]
`;
}

function gateway(
  ports: { readonly http: number; readonly redirect: number; readonly https: number; readonly pass: number },
  { certFile, keyFile }: Certificate,
): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { istio: edge }
  servers:
    - { port: { number: ${ports.http}, name: http, protocol: HTTP }, bind: 127.0.0.1, hosts: [shop.example] }
    - port: { number: ${ports.redirect}, name: redirect, protocol: HTTP }
      bind: 127.0.0.1
      hosts: [shop.example]
      tls: { httpsRedirect: true }
    - port: { number: ${ports.https}, name: https, protocol: HTTPS }
      bind: 127.0.0.1
      hosts: [shop.example]
      tls: { mode: SIMPLE, serverCertificate: '${certFile}', privateKey: '${keyFile}' }
    - port: { number: ${ports.pass}, name: tls, protocol: TLS }
      bind: 127.0.0.1
      hosts: [vault.example]
      tls: { mode: PASSTHROUGH }
`;
}

const RULES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: shop }
spec:
  hosts: [shop.example]
  gateways: [edge/edge]
  http:
    - match: [{ uri: { prefix: /new/ } }]
      route: [{ destination: { host: orders.shop.svc.cluster.local, subset: v2 } }]
    - route: [{ destination: { host: orders.shop.svc.cluster.local, subset: v1 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: vault, namespace: shop }
spec:
  hosts: [vault.example]
  gateways: [edge/edge]
  tls:
    - match: [{ sniHosts: [vault.example] }]
      route: [{ destination: { host: vault.shop.svc.cluster.local, port: { number: 443 } } }]
`;
