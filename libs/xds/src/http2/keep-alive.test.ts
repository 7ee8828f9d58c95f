import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { ClientHttp2Session, Http2Server, ServerHttp2Session } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { keepAlive } from './keep-alive.ts';

let server: Http2Server;
let network: Server;
let client: ClientHttp2Session;
const ends: Socket[] = [];
const opened: ServerHttp2Session[] = [];

/** Bytes both ways until it is cut: then both ends stay open and hear nothing of each other, as of a machine that vanished. */
beforeEach(async () => {
  server = createServer();
  server.on('session', (session) => void opened.push(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  network = createTcpServer((from) => {
    const to = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
    for (const end of [from, to]) end.on('error', () => undefined);
    ends.push(from, to);
    from.pipe(to);
    to.pipe(from);
  });
  await new Promise<void>((resolve) => network.listen(0, '127.0.0.1', resolve));
  client = connect(`http://127.0.0.1:${(network.address() as AddressInfo).port}`);
  client.on('error', () => undefined);
  await once(client, 'remoteSettings');
});

afterEach(async () => {
  client.destroy();
  for (const end of ends.splice(0)) end.destroy();
  for (const session of opened.splice(0)) session.destroy();
  await Promise.all([server, network].map((one) => new Promise((resolve) => one.close(resolve))));
});

function cut(): void {
  for (const end of ends) {
    end.unpipe();
    end.resume();
  }
}

test('a peer that says nothing is asked again and again, and stays as long as it answers', async () => {
  const [session] = opened as [ServerHttp2Session];
  keepAlive(session, { pingEvery: 5, answerWithin: 60_000 });
  // Its answers are what it says: after each it is silent again, and is asked once more.
  for (let n = 0; n < 5; n += 1) await once(client, 'ping');
  expect([session.destroyed, client.destroyed]).toEqual([false, false]);
});

test('one that vanished without a word is given up, though its connection never ended', async () => {
  const [session] = opened as [ServerHttp2Session];
  const closed = once(session, 'close');
  cut();
  keepAlive(session, { pingEvery: 5, answerWithin: 5 });
  await closed;
  expect(session.destroyed).toBe(true);
});
