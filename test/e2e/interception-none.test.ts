import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { freePorts, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { startCli } from './support/cli.ts';
import { rejectedOf } from './support/envoy.ts';
import { RulesBridge } from './support/rules-bridge.ts';
import { serviceEntry } from './support/service-entry.ts';

jest.setTimeout(120_000);

/** `INTERCEPTION_MODE: NONE`: no iptables and no proxy setting; a port on loopback for each port of a service. */
describe.each([[[]], [['--sotw']]])('loopback listeners per service port, %j:', (flags: readonly string[]) => {
  let bridge: RulesBridge;
  let envoy: EnvoyServer;
  let ports: { http: number; other: number; tcp: number; late: number };
  const backends: Backend[] = [];
  let plain: Server;

  beforeAll(async () => {
    const [admin = 0, metrics = 0, http = 0, other = 0, tcp = 0, late = 0] = await freePorts(6);
    ports = { http, other, tcp, late };
    for (const name of ['orders', 'payments']) backends.push(await Backend.start(name));
    plain = createServer((socket) => socket.once('data', () => socket.end('ledger')).on('error', () => undefined));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const [orders, payments] = backends as [Backend, Backend];
    bridge = await RulesBridge.start({
      'orders.yaml': serviceEntry('orders', http, 'http', orders.port),
      'payments.yaml': serviceEntry('payments', http, 'http', payments.port),
      'ledger.yaml': serviceEntry('ledger', tcp, 'tcp', (plain.address() as AddressInfo).port),
    });
    const node = 'sidecar~127.0.0.1~web.shop~shop.svc.cluster.local';
    const at = (port: number): string => `127.0.0.1:${port}`;
    const own = ['--admin', at(admin), '--metrics', at(metrics)];
    const args = ['proxy', 'bootstrap', '--node', node, '--xds', at(bridge.xds), '--interception', 'NONE', ...own, ...flags];
    const { stdout } = await startCli(args, { cwd: tmpdir() }).ended;
    envoy = await startEnvoy({ bootstrap: stdout, ports: { admin }, readyWhen: 'live' });
  }, 180_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    plain?.close();
    await Promise.all(backends.map((backend) => backend.stop()));
  }, 60_000);

  test('services with HTTP share the port; the name that is dialled tells them apart', async () => {
    for (let n = 0; n < 10; n += 1) {
      expect(await call(ports.http, `orders.shop.svc.cluster.local:${ports.http}`)).toBe('200 orders');
      expect(await call(ports.http, `payments:${ports.http}`)).toBe('200 payments');
    }
    expect(backends.map(({ calls }) => calls)).toEqual([10, 10]);
  });

  test('a TCP service has its port to itself', async () => {
    for (let n = 0; n < 5; n += 1) expect(await hello(ports.tcp)).toBe('ledger');
  });

  test('they listen on loopback, where the caller is, and nowhere else', async () => {
    const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/listeners`)).text();
    const addresses = text.split('\n').flatMap((line) => line.split('::')[1] ?? []);
    expect(addresses).toEqual(expect.arrayContaining([`127.0.0.1:${ports.http}`, `127.0.0.1:${ports.tcp}`]));
    expect(addresses.filter((address) => !address.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('a service that comes opens its port, and closes it when it goes', async () => {
    await bridge.give('late.yaml', serviceEntry('late', ports.late, 'http', (backends[0] as Backend).port));
    await until('it is there', async () => (await call(ports.late, `late:${ports.late}`)) === '200 orders');
    await bridge.take('late.yaml');
    await until('it is closed', async () => (await call(ports.late, `late:${ports.late}`)) === 'ECONNREFUSED');
    expect(await call(ports.http, `orders:${ports.http}`)).toBe('200 orders');
  });

  test('nothing was rejected', async () => {
    expect(await rejectedOf(envoy)).toEqual({});
  });
});

function call(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, headers: { host }, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.once('end', () => resolve(`${response.statusCode} ${body}`));
    });
    sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)).end();
  });
}

function hello(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('hello\n'));
    socket.on('data', (chunk: Buffer) => (body += chunk.toString()));
    socket.once('error', reject).once('close', () => resolve(body));
  });
}
