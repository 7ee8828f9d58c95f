import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, createServer as createTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { until } from '@isthmus/model/testing';
import { selfSigned } from '@isthmus/translate/testing';
import type { Certificate } from '@isthmus/translate/testing';
import { probe } from './probe.ts';
import type { ProbeOptions } from './probe.ts';
import type { ProbeTls } from './probe-tls.ts';

const NAME = 'orders.test';
const never = new AbortController().signal;
const closers: (() => void)[] = [];
let dir: string;
let own: Certificate;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-probe-'));
  own = await selfSigned(dir, NAME);
});
afterEach(() => closers.splice(0).forEach((close) => close()));
afterAll(() => rm(dir, { recursive: true }));

const trust = () => createSecureContext({ ca: own.cert });

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function start(type: ProbeOptions['type']): Promise<number> {
  if (type === 'tcp') return listening(createTls(own, (socket) => socket.on('error', () => undefined).end()));
  if (type === 'http')
    return listening(createHttps(own, ({ url }, response) => void response.writeHead(url === '/ready' ? 200 : 503).end()));
  const server = new GrpcServer();
  const same = (bytes: Buffer): Buffer => bytes;
  const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const path = '/grpc.health.v1.Health/Check';
  server.addService(
    { check: { path, requestStream: false, responseStream: false, ...codec } },
    { check: (_: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, Buffer.from([8, 1])) },
  );
  closers.push(() => server.forceShutdown());
  const pair = { cert_chain: Buffer.from(own.cert), private_key: Buffer.from(own.key) };
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

const TYPES = ['tcp', 'http', 'grpc'] as const;

describe('a check over TLS', () => {
  const ask = async (type: ProbeOptions['type'], port: number, tls: Partial<ProbeTls> | undefined) => {
    const all = tls && { trusted: undefined, serverName: undefined, insecure: false, ...tls };
    const result = await probe('127.0.0.1', port, { type, path: '/ready', service: '', timeoutMs: 2_000, tls: all }, never);
    return result.healthy ? 'well' : result.reason;
  };

  test.each(TYPES)(
    'by %s trusts the authority and the name that the config says, and says what is wrong with others',
    async (type) => {
      const port = await start(type);
      expect(await ask(type, port, { trusted: trust(), serverName: NAME })).toBe('well');
      expect(await ask(type, port, { serverName: NAME })).toBe('its certificate is signed by itself and not trusted');
      expect(await ask(type, port, { trusted: trust(), serverName: 'bills.test' })).toMatch(
        /^its certificate is for another name: .*bills\.test/,
      );
      expect(await ask(type, port, { trusted: trust() })).toMatch(/^its certificate is for another name: .*127\.0\.0\.1/);
    },
  );

  test.each(TYPES)('by %s takes any certificate where the config says so', async (type) => {
    expect(await ask(type, await start(type), { insecure: true })).toBe('well');
  });

  test.each(TYPES)(
    'by %s of a server that wants a certificate of its clients says so, not that it speaks no TLS',
    async (type) => {
      const strict = { ...own, ca: own.cert, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' } as const;
      const port = await listening(createTls(strict).on('tlsClientError', () => undefined));
      expect(await ask(type, port, { insecure: true })).toMatch(/^it ended the TLS handshake, .*: .*alert handshake failure$/);
    },
  );

  test('by http goes on to ask: an answer of 503 is no success', async () => {
    const port = await start('http');
    const options = { type: 'http', path: '/busy', service: '', timeoutMs: 2_000 } as const;
    const tls = { trusted: trust(), serverName: NAME, insecure: false };
    expect(await probe('127.0.0.1', port, { ...options, tls }, never)).toEqual({ healthy: false, reason: 'HTTP 503' });
  });

  test.each(TYPES)('by %s of a port without TLS fails, and leaves no connection at one that hangs', async (type) => {
    const plain = createTcp((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    expect(await ask(type, await listening(plain), { insecure: true })).toBe('it does not speak TLS');
    let open = 0;
    const hangs = createTcp((socket) => {
      open += 1;
      socket.resume().on('error', () => undefined);
      socket.once('close', () => (open -= 1));
    });
    const options = { type, path: '/', service: '', timeoutMs: 100 } as const;
    const tls = { trusted: undefined, serverName: undefined, insecure: true };
    const result = await probe('127.0.0.1', await listening(hangs), { ...options, tls }, never);
    expect(result).toEqual({ healthy: false, reason: 'no answer within 100 ms' });
    await until('it is closed', () => open === 0);
  });

  test('by grpc fails where the server speaks HTTP/1.1 alone', async () => {
    const port = await start('http');
    expect(await ask('grpc', port, { trusted: trust(), serverName: NAME })).not.toBe('well');
  });
});
