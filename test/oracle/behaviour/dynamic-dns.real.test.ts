import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '@isthmus/servers';
import { EchoServer, selfSigned } from '@isthmus/translate/testing';
import { startOracle } from '../istiod-oracle.ts';
import { parseCase } from '../oracle-case.ts';
import type { OracleCase } from '../oracle-case.ts';
import { translateCase } from '../ours.ts';
import { DnsServer } from './dns-server.ts';
import { FedEnvoy } from './fed-envoy.ts';

/** Where the servers are: the sidecar's own listeners have 127.0.0.1 with the same ports. */
const THERE = '127.0.0.2';
const rules = readFileSync(join(import.meta.dirname, 'dynamic-dns.yaml'), 'utf8');

let dir: string;
let dns: DnsServer;
let web: EchoServer;
let secure: Server;
let ports: { readonly http: number; readonly tls: number };
let byIstiod: FedEnvoy;
let byUs: FedEnvoy;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-dynamic-dns-'));
  dns = await DnsServer.start({ 'www.example': THERE, 'api.example': THERE, 'www.pooled.test': THERE });
  const [http, tls, theirs, ours] = (await freePorts(4)) as [number, number, number, number];
  ports = { http, tls };
  web = await EchoServer.start('web', { address: THERE, port: http });
  secure = createServer(await selfSigned(dir, 'www.example'), (socket) => socket.end(`secure ${String(socket.servername)}`));
  await new Promise<void>((resolve) => secure.listen(tls, THERE, resolve));
  await using oracle = await startOracle();
  byIstiod = await FedEnvoy.start(await oracle.translate(meshFor(theirs)), theirs, { resolver: dns.port });
  byUs = await FedEnvoy.start(await translateCase(meshFor(ours)), ours, { ports: [http, tls], resolver: dns.port });
}, 900_000); // the oracle may have to be built first

afterAll(async () => {
  for (const envoy of [byIstiod, byUs]) await envoy?.[Symbol.asyncDispose]();
  await web?.[Symbol.asyncDispose]();
  await new Promise((resolve) => secure.close(resolve));
  await dns?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

function meshFor(egress: number): OracleCase {
  const text = rules.replaceAll('PORT_HTTP', String(ports.http)).replaceAll('PORT_TLS', String(ports.tls));
  const node = `node: { metadata: { INTERCEPTION_MODE: NONE, HTTP_PROXY_PORT: '${egress}' } }`;
  return parseCase('behaviour/dynamic-dns', text.replace('\nshows:', `\n${node}\nshows:`));
}

describe('names below a wildcard with DYNAMIC_DNS', () => {
  test('are looked up by Envoy when somebody calls them through the explicit egress, each once', async () => {
    for (const name of ['www.example', 'api.example', 'www.example'])
      expect([name, (await byUs.call({ host: `${name}:${ports.http}`, path: '/a' })).seen?.host]).toEqual([
        name,
        `${name}:${ports.http}`,
      ]);
    expect(dns.asked.filter((name) => name.endsWith('.example'))).toEqual(['www.example', 'api.example']);
  });

  test('that nobody has are a 503, and names that no service has are not asked for', async () => {
    expect((await byUs.call({ host: `nobody.example:${ports.http}` })).status).toBe(503);
    expect(dns.asked).toContain('nobody.example');
    expect((await byUs.call({ host: `www.elsewhere.test:${ports.http}` })).status).toBe(502);
    expect(dns.asked).not.toContain('www.elsewhere.test');
  });

  test('are looked up by the sidecar’s own listener for HTTP', async () => {
    const { seen } = await byUs.call({ host: `www.example:${ports.http}`, port: ports.http });
    expect(seen?.name).toBe('web');
  });

  test('are looked up by SNI for TLS that passes through', async () => {
    await expect(helloTo('www.example')).resolves.toBe('secure www.example');
  });

  test('are reached where a rule sets options for HTTP; Envoy refuses istiod’s cluster for that', async () => {
    expect((await byUs.call({ host: `www.pooled.test:${ports.http}` })).seen?.name).toBe('web');
    expect([await byUs.rejected(), (await byIstiod.rejected()).length]).toEqual([[], 1]);
  });
});

function helloTo(servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port: ports.tls, servername, rejectUnauthorized: false });
    socket.setEncoding('utf8').on('data', (more: string) => (text += more));
    socket.on('end', () => resolve(text)).on('error', reject);
  });
}
