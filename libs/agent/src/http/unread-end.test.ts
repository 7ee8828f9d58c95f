import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { patchHttp } from './patch-http.ts';
import { serve } from './testing/recorded-server.ts';
import type { Server } from './testing/recorded-server.ts';
import { recordedSeam } from './testing/recorded-seam.ts';
import { hasUnreadEnd } from './unread-end.ts';

/** An egress in a thread of its own, which ends its connections while this one waits for that and so reads nothing. */
const EGRESS = `
const { parentPort, workerData } = require('node:worker_threads');
const ended = new Int32Array(workerData);
const server = require('node:http').createServer((request, response) => request.resume().once('end', () => response.end('egress')));
const sockets = new Set();
server.on('connection', (socket) => sockets.add(socket));
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.on('message', (how) => {
  let left = sockets.size;
  for (const socket of sockets) {
    socket.once('close', () => {
      left -= 1;
      if (left > 0) return;
      Atomics.store(ended, 0, 1);
      Atomics.notify(ended, 0);
    });
    if (how === 'end') socket.destroy();
    else socket.resetAndDestroy();
  }
});`;

let instance: Server;
let egress: Worker;
let port: number;
let ended: Int32Array;
let agent: http.Agent;

beforeEach(async () => {
  instance = await serve('instance');
  const shared = new SharedArrayBuffer(4);
  ended = new Int32Array(shared);
  egress = new Worker(EGRESS, { eval: true, workerData: shared });
  [port] = (await once(egress, 'message')) as [number];
  agent = new http.Agent({ keepAlive: true });
});
afterEach(async () => {
  agent.destroy();
  await egress.terminate();
  await instance.kill();
});

/** Returns in the same turn: no event of this thread comes between. */
function endConnections(how: 'end' | 'reset'): void {
  egress.postMessage(how);
  expect(Atomics.wait(ended, 0, 0, 20_000)).not.toBe('timed-out');
}

const post = (to: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: to, agent, method: 'POST' }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.once('end', () => resolve(body));
    });
    request.once('error', reject);
    request.end('an order');
  });

test.each(['end', 'reset'] as const)(
  'a POST is not written into a kept connection whose %s has not been read: it goes to the instance, once',
  async (how) => {
    const failures: string[] = [];
    const undo = patchHttp({ ...recordedSeam(port, instance.port), failed: (outcome) => failures.push(outcome) });
    try {
      expect(await post(instance.port)).toBe('egress');
      endConnections(how);
      expect(await post(instance.port)).toBe('instance');
      expect(instance.seen).toMatchObject([{ method: 'POST', body: 'an order' }]);
      expect(failures).toContain('bad');
    } finally {
      undo();
    }
  },
);

test('a connection that is only idle has no unread end, and goes on', async () => {
  const undo = patchHttp(recordedSeam(port, instance.port));
  try {
    for (let n = 0; n < 5; n += 1) expect(await post(instance.port)).toBe('egress');
    expect(instance.seen).toEqual([]);
  } finally {
    undo();
  }
});

test('an answer that nobody asked for counts as an end, and a socket that is gone as nothing known', async () => {
  const server = net.createServer((from) => {
    from.on('error', () => undefined); // what is not read is reset
    from.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.pause();
  await once(socket, 'connect');
  const deadline = Date.now() + 20_000;
  while (!hasUnreadEnd(socket) && Date.now() < deadline) await new Promise(setImmediate);
  expect(Date.now()).toBeLessThan(deadline);
  socket.destroy();
  expect(hasUnreadEnd(socket)).toBe(false);
  server.close();
});
