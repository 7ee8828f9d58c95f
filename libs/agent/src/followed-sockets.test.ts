import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { followSockets, ownSocket } from './followed-sockets.ts';
import { serve } from './http/testing/recorded-server.ts';
import type { Server } from './http/testing/recorded-server.ts';
import { recordedSeam } from './http/testing/recorded-seam.ts';
import type { RecordedSeam } from './http/testing/recorded-seam.ts';

let instance: Server;
let other: Server;
let seam: RecordedSeam;
let unfollow: () => void;
let now: number;

async function connect(port: number, own = false): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port });
  if (own) ownSocket(socket);
  await once(socket, 'connect');
  socket.destroy();
}

beforeEach(async () => {
  instance = await serve('instance');
  other = await serve('other');
  seam = recordedSeam(1, instance.port);
  now = 1_000_000;
  const whollyMoved = (_host: string, port: number) => (port === instance.port ? 'orders:80' : undefined);
  unfollow = followSockets({ seam, whollyMoved, now: () => now, troubleAt: () => 0 });
});
afterEach(async () => {
  unfollow();
  await Promise.all([instance.kill(), other.kill()]);
});

describe('a socket to an instance whose calls are all the sidecar’s', () => {
  test('is said to go past the agent, whatever opened it', async () => {
    await connect(instance.port);
    const session = http2.connect(`http://127.0.0.1:${instance.port}`);
    session.on('error', () => undefined);
    await once(session, 'connect');
    session.destroy();
    expect(seam.said).toHaveLength(2);
    expect(seam.said[0]).toMatchObject({
      code: 'not-movable',
      where: `127.0.0.1:${instance.port}`,
      message: expect.stringContaining('connects to an instance of orders:80 past the agent'),
    });
  });

  test('is not, where it is the agent’s own or was opened on purpose since the egress had trouble', async () => {
    await connect(instance.port, true);
    now = 10_000;
    await connect(instance.port);
    expect(seam.said).toEqual([]);
  });
});

test('other sockets are nobody’s business, and none is once it is undone', async () => {
  await connect(other.port);
  unfollow();
  await connect(instance.port);
  expect(seam.said).toEqual([]);
});
