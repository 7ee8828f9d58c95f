import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sidecarProbe } from './sidecar-probe.ts';

/** In a thread of its own: it answers at once, whatever this one does. */
const SIDECAR = `
const http = require('node:http');
const { parentPort } = require('node:worker_threads');
const server = http.createServer((request, response) => request.url.startsWith('/hangs') ? undefined : response.end('LIVE'));
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

let sidecar: Worker;
let port: number;
beforeAll(async () => {
  sidecar = new Worker(SIDECAR, { eval: true });
  [port] = (await once(sidecar, 'message')) as [number];
});
afterAll(() => sidecar.terminate());

const places = (path: string) => ({
  egress: { host: '127.0.0.1', port },
  readyUrl: `http://127.0.0.1:${port}${path}`,
  adminUrl: `http://127.0.0.1:${port}`,
});
/** As a large JSON or a long collection does. */
const stall = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a sidecar that answers is well, also where the process itself stands still for longer than an answer may take', async () => {
  const outcome = sidecarProbe(places('/healthz/ready')).sidecar();
  setImmediate(() => stall(700));
  stall(700);
  expect(await outcome).toBe('good');
});

test('stalls later in a look do not count against it either', async () => {
  // Between the connection and the answer.
  const outcome = sidecarProbe(places('/healthz/ready')).sidecar();
  const stalls = [1, 2, 3].map((turn) => setTimeout(() => stall(400), turn));
  expect(await outcome).toBe('good');
  for (const timer of stalls) clearTimeout(timer);
});

test('one that accepts and hangs is bad, also where the process stands still for a moment', async () => {
  const outcome = sidecarProbe(places('/hangs')).sidecar();
  stall(700);
  expect(await outcome).toBe('bad');
});

test('nobody there is told at once', async () => {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gone = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  const outcome = sidecarProbe({ egress: { host: '127.0.0.1', port: gone } }).sidecar();
  stall(700);
  expect(await outcome).toBe('dead');
});

test('whether a target has healthy hosts is not known where nobody answers', async () => {
  const { adminUrl, ...others } = places('/healthz/ready');
  expect(await sidecarProbe({ ...others, adminUrl: `${adminUrl}/hangs` }).hasHealthyHosts('orders:80')).toBeUndefined();
  expect(await sidecarProbe({ ...others, adminUrl }).hasHealthyHosts('orders:80')).toBe(false);
});
