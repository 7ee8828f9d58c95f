import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '@isthmus/servers';
import { selfSigned } from '@isthmus/translate/testing';
import { GrpcBackend } from '../../e2e/support/grpc-backend.ts';
import { WHO } from '../../e2e/support/grpc-names.ts';
import { startOracle } from '../istiod-oracle.ts';
import { parseCase } from '../oracle-case.ts';
import { translateCase } from '../ours.ts';
import { FedEnvoy } from './fed-envoy.ts';

const rules = readFileSync(join(import.meta.dirname, 'protocols.yaml'), 'utf8');
const KINDS = ['EGRESS', 'HTTP', 'H2', 'GRPC', 'WEB', 'TCP', 'MONGO', 'REDIS', 'MYSQL', 'TLS', 'HTTPS'] as const;
type Kind = (typeof KINDS)[number];
/** Where each protocol is dialled at one of the two Envoys. */
type Ports = Readonly<Record<Kind, number>>;
const HOST = 'all.shop.svc.cluster.local';

let dir: string;
let grpc: GrpcBackend;
const servers: Server[] = [];
const sockets = new Set<Socket>();
const envoys: FedEnvoy[] = [];
const sides: { readonly istiod?: Ports; readonly isthmus?: Ports } = {};

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-protocols-'));
  const [vault, safe] = await Promise.all(['vault.example', 'safe.example'].map((name) => selfSigned(dir, name)));
  const http = createHttpServer((_, response) => response.end('http'));
  http.on('upgrade', ({ headers }, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${headers.upgrade}\r\n\r\n`);
    socket.on('data', (bytes) => socket.write(`echo ${bytes}`)).on('error', () => undefined);
  });
  const http2 = createHttp2Server((_, response) => response.end('http2'));
  const tcp = createServer((socket) => socket.on('data', (bytes) => socket.write(`tcp ${bytes}`)).on('error', () => undefined));
  grpc = await GrpcBackend.start('grpc');
  const at = {
    AT_HTTP: await listen(http),
    AT_H2: await listen(http2),
    AT_GRPC: grpc.port,
    AT_TCP: await listen(tcp),
    AT_VAULT: await listen(createTlsServer({ cert: vault?.cert, key: vault?.key }, (socket) => socket.end('vault'))),
    AT_SAFE: await listen(createTlsServer({ cert: safe?.cert, key: safe?.key }, (socket) => socket.end('safe'))),
  };
  await using oracle = await startOracle();
  for (const side of ['istiod', 'isthmus'] as const) {
    const numbers = await freePorts(KINDS.length);
    const ports = Object.fromEntries(KINDS.map((kind, n) => [kind, numbers[n] as number])) as Ports;
    const all = { ...at, ...Object.fromEntries(KINDS.map((kind) => [`PORT_${kind}`, ports[kind]])) };
    const longestFirst = Object.entries(all).sort(([a], [b]) => b.length - a.length);
    const text = longestFirst.reduce((yaml, [name, port]) => yaml.replaceAll(name, String(port)), rules);
    const node = `node: { metadata: { INTERCEPTION_MODE: NONE, HTTP_PROXY_PORT: '${ports.EGRESS}' } }`;
    const mesh = parseCase('behaviour/protocols', text.replace('\nshows:', `\n${node}\nshows:`));
    const set = side === 'istiod' ? await oracle.translate(mesh) : await translateCase(mesh);
    envoys.push(await FedEnvoy.start(set, ports.EGRESS, { ports: numbers }));
    Object.assign(sides, { [side]: ports });
  }
}, 900_000); // the oracle may have to be built first

afterAll(async () => {
  for (const envoy of envoys) await envoy[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  grpc?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What comes back: until the other end closes, or the first bytes. */
function firstOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const end = (text: string): void => {
      resolve(text);
      socket.destroy();
    };
    socket
      .on('data', (bytes) => end(bytes.toString()))
      .on('error', () => end('ended'))
      .on('close', () => end('ended'));
  });
}

function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return firstOf(socket);
}

const tls = (port: number, servername: string): Promise<string> =>
  firstOf(connectTls({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }));

function webSocket(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: HOST, connection: 'Upgrade', upgrade: 'websocket' };
    const call = request({ host: '127.0.0.1', port, path: '/socket', headers, agent: false });
    call.on('upgrade', (response, socket) => {
      socket.write('hello');
      void firstOf(socket as Socket).then((text) => resolve(`${response.statusCode} ${response.headers.upgrade} ${text}`));
    });
    call.on('response', ({ statusCode }) => resolve(`${statusCode}`)).on('error', reject);
    call.end();
  });
}

function http2(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({ ':authority': HOST, ':path': '/' });
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => (body += text));
    stream.on('end', () => {
      resolve(body);
      session.destroy();
    });
    stream.end();
  });
}

function unary(port: number): Promise<string> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.default_authority': HOST });
  const asIs = (bytes: Buffer): Buffer => bytes;
  return new Promise<string>((resolve, reject) =>
    client.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), (error, value) =>
      error === null ? resolve((value as Buffer).toString('latin1')) : reject(error),
    ),
  ).finally(() => client.close());
}

/** As a browser does: HTTP/1.1, a frame there; a frame and the trailers as another come back. */
function grpcWeb(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: HOST, 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' };
    const call = request({ host: '127.0.0.1', port, path: WHO, method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (bytes: Buffer) => chunks.push(bytes));
      response.on('end', () =>
        resolve(`${response.statusCode} ${response.headers['content-type']} ${Buffer.concat(chunks).toString('latin1')}`),
      );
    });
    call.on('error', reject).end(Buffer.alloc(5));
  });
}

const WAYS: readonly (readonly [string, (ports: Ports) => Promise<string>, RegExp])[] = [
  [
    'http',
    ({ HTTP }) => raw(HTTP, `GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`).then((text) => text.split('\r\n')[0] ?? ''),
    /^HTTP\/1.1 200 OK$/,
  ],
  ['a WebSocket by http', ({ HTTP }) => webSocket(HTTP), /^101 websocket echo hello$/],
  ['http2', ({ H2 }) => http2(H2), /^http2$/],
  ['grpc', ({ GRPC }) => unary(GRPC), /grpc$/],
  ['grpc-web', ({ WEB }) => grpcWeb(WEB), /^200 application\/grpc-web\+proto .*grpc.*\u0080.*grpc-status:0/s],
  ['tcp', ({ TCP }) => raw(TCP, 'hello'), /^tcp hello$/],
  ['mongo', ({ MONGO }) => raw(MONGO, '\u0015\0\0\0\u0001\0\0\0\0\0\0\0\u00d4\u0007\0\0'), /^tcp /],
  ['redis', ({ REDIS }) => raw(REDIS, '*1\r\n$4\r\nPING\r\n'), /^tcp \*1\r\n\$4\r\nPING\r\n$/],
  ['mysql', ({ MYSQL }) => raw(MYSQL, 'select 1'), /^tcp select 1$/],
  ['tls, by the name that is asked for', ({ TLS }) => tls(TLS, 'vault.example'), /^vault$/],
  ['tls, another name on the same port', ({ TLS }) => tls(TLS, 'safe.example'), /^safe$/],
  ['tls, moved by a rule', ({ TLS }) => tls(TLS, 'old.example'), /^vault$/],
  ['https', ({ HTTPS }) => tls(HTTPS, 'vault.example'), /^vault$/],
];

describe('every protocol through an Envoy fed by istiod and one fed by us', () => {
  test('finds Envoys that took everything', async () => {
    expect(envoys).toHaveLength(2);
    for (const envoy of envoys) expect(await envoy.rejected()).toEqual([]);
  });

  test.each(WAYS)('ends alike: %s', async (_, way, expected) => {
    const { istiod, isthmus } = sides as { istiod: Ports; isthmus: Ports };
    const ours = await way(isthmus);
    expect(ours).toMatch(expected);
    expect(ours).toBe(await way(istiod));
  });
});
