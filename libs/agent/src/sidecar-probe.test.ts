import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sidecarProbe } from './sidecar-probe.ts';
import type { Every } from './sidecar-probe.ts';

/** Timers as Node has them, of a time that only stalls of the process pass: how busy the machine is does not count. */
class Stalls {
  #now = 0;
  readonly #timers = new Map<object, { readonly ms: number; readonly run: () => void; at: number }>();

  readonly every: Every = (ms, run) => {
    const id = {};
    this.#timers.set(id, { ms, run, at: this.#now + ms });
    return () => void this.#timers.delete(id);
  };

  /** As for a large JSON, or a long collection: then timers run, each once, before what came meanwhile is read. */
  readonly stall = (ms: number): void => {
    this.#now += ms;
    for (const timer of [...this.#timers.values()]) {
      if (timer.at > this.#now) continue;
      timer.at = this.#now + timer.ms;
      timer.run();
    }
  };
}

let stalls: Stalls;
let sidecar: http.Server;
let port: number;
/** While the sidecar has the request for its readiness. */
let meanwhile: () => void;
beforeEach(async () => {
  stalls = new Stalls();
  meanwhile = () => undefined;
  sidecar = http.createServer((request, response) => {
    if (request.url !== '/ready') meanwhile();
    if (request.url?.startsWith('/hangs') !== true) response.end('LIVE');
  });
  sidecar.listen(0, '127.0.0.1');
  await once(sidecar, 'listening');
  ({ port } = sidecar.address() as AddressInfo);
});
afterEach(async () => {
  const closed = once(sidecar, 'close');
  sidecar.close();
  sidecar.closeAllConnections();
  await closed;
});

const places = (path: string) => ({
  egress: { host: '127.0.0.1', port },
  readyUrl: `http://127.0.0.1:${port}${path}`,
  adminUrl: `http://127.0.0.1:${port}`,
});
const times = (count: number, ms: number) => () => {
  for (let at = 0; at < count; at += 1) stalls.stall(ms);
};

test('a sidecar that answers is well, also where the process itself stands still for longer than an answer may take', async () => {
  const outcome = sidecarProbe(places('/healthz/ready'), stalls.every).sidecar();
  times(2, 700)();
  expect(await outcome).toBe('good');
});

test('stalls later in a look do not count against it either', async () => {
  // Between the connection and the answer.
  meanwhile = times(5, 400);
  expect(await sidecarProbe(places('/healthz/ready'), stalls.every).sidecar()).toBe('good');
});

test.each([
  ['on time', 50],
  ['where the process stands still for a moment', 700],
])('one that accepts and hangs is bad, %s', async (_, ms) => {
  meanwhile = times(6, ms);
  expect(await sidecarProbe(places('/hangs'), stalls.every).sidecar()).toBe('bad');
});

test('one that hangs is bad by the timers of the process', async () => {
  expect(await sidecarProbe(places('/hangs')).sidecar()).toBe('bad');
});

test('nobody there is told at once', async () => {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gone = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  const outcome = sidecarProbe({ egress: { host: '127.0.0.1', port: gone } }, stalls.every).sidecar();
  stalls.stall(700);
  expect(await outcome).toBe('dead');
});

test('whether a target has healthy hosts is not known where nobody answers', async () => {
  const { adminUrl, ...others } = places('/healthz/ready');
  expect(await sidecarProbe({ ...others, adminUrl }, stalls.every).hasHealthyHosts('orders:80')).toBe(false);
  meanwhile = times(6, 50);
  const hanging = sidecarProbe({ ...others, adminUrl: `${adminUrl}/hangs` }, stalls.every);
  expect(await hanging.hasHealthyHosts('orders:80')).toBeUndefined();
});
