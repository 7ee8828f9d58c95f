import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EgressAgent } from './egress-agent.ts';
import { ReplayableConnection } from './replayable-connection.ts';
import type { ConnectionSeam } from './replayable-connection.ts';

const server = createServer((_, response) => response.end('ok'));
let seam: ConnectionSeam;

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const egress = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const call = { authority: 'orders:80', method: 'GET', instance: egress, more: [] };
  seam = { egress, connect: ({ host, port }) => net.connect(port, host), callOf: () => call, failed: () => undefined };
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('a connection that serves many requests, each with a timeout, holds no listener of those that are over', async () => {
  const agent = new EgressAgent(() => seam, new Agent({ keepAlive: true, maxSockets: 1 }));
  const sockets = new Set<unknown>();
  let listeners = 0;
  for (let n = 0; n < 15; n += 1) {
    await new Promise<void>((resolve, reject) => {
      const request = get({ host: seam.egress.host, port: seam.egress.port, agent, timeout: 5_000 }, (response) => {
        sockets.add(request.socket);
        listeners = Math.max(listeners, request.socket?.listenerCount('timeout') ?? 0);
        response.resume().once('end', resolve);
      });
      request.once('error', reject);
    });
  }
  expect([...sockets][0]).toBeInstanceOf(ReplayableConnection);
  expect(sockets.size).toBe(1);
  expect(listeners).toBeLessThanOrEqual(3);
  agent.destroy();
});
