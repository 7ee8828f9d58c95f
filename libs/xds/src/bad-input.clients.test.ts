import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { FakeTime } from './testing/fake-time.ts';
import type { DeltaClient } from './testing/ads-client.ts';
import { RawClient } from './testing/raw-client.ts';
import { TestServer, eventually } from './testing/test-server.ts';
import { CDS, EDS } from './type-urls.ts';

let bench: TestServer;

afterEach(() => bench.stop());

async function connected(client: DeltaClient, id: string): Promise<DeltaClient> {
  client.send({ node: { id }, typeUrl: CDS });
  const { nonce } = await client.next();
  client.send({ typeUrl: CDS, responseNonce: nonce });
  return client;
}

/** Takes a change of cluster `a` and acknowledges it. */
async function takes(client: DeltaClient, version: string): Promise<void> {
  bench.set(CDS, 'a', version);
  const { resources, nonce } = await client.next();
  expect(resources.map((one) => one.version)).toEqual([version]);
  client.send({ typeUrl: CDS, responseNonce: nonce });
}

describe('a client that', () => {
  test('never acknowledges is sent one response, keeps no more in memory, and is shown as such', async () => {
    bench = await TestServer.start();
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta(), 'good');
    const mute = bench.delta();
    mute.send({ node: { id: 'mute' }, typeUrl: CDS });
    await mute.next();
    for (let i = 1; i <= 200; i += 1) await takes(good, String(i));
    expect(mute.received.length).toBe(1);
    const [, status] = bench.server.clients();
    expect(status).toMatchObject({ node: 'mute', types: [{ acked: undefined, unansweredSince: expect.any(Number) }] });
    // It wakes up: all that it missed is the newest, once.
    mute.send({ typeUrl: CDS, responseNonce: mute.received[0]!.nonce });
    expect((await mute.next()).resources.map(({ version }) => version)).toEqual(['200']);
  });

  test('never reads is given up after 30 s; what waits for it is bounded, and the others do not wait', async () => {
    const time = new FakeTime();
    bench = await TestServer.start({ clock: time.clock, timers: time.timers });
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta(), 'good');
    const stuck = new RawClient(bench.port); // reads nothing; a gRPC library would take the message and hold it
    bench.set(EDS, 'big', '1', 32 * 1024 * 1024);
    stuck.send({ node: { id: 'stuck' }, typeUrl: EDS, resourceNamesSubscribe: ['big'] });
    await eventually(() => {
      time.pass(1); // large messages take several turns
      return bench.events.some((event) => event.kind === 'pushed' && event.node === 'stuck');
    });
    for (let i = 1; i <= 20; i += 1) await takes(good, String(i));
    time.pass(30_000);
    await eventually(() => bench.server.rejections().length > 0);
    expect(bench.server.rejections()).toEqual([
      expect.objectContaining({ node: 'stuck', code: 'DEADLINE_EXCEEDED', reason: expect.stringContaining('has not read') }),
    ]);
    expect(bench.server.clients().map(({ node }) => node)).toEqual(['good']);
    await takes(good, 'after');
    stuck.close();
  });

  test('comes and goes all the time has to wait, and is told so; other nodes of its address are let in', async () => {
    const time = new FakeTime();
    bench = await TestServer.start({ clock: time.clock, timers: time.timers, limits: { returns: 20, returnsPerSecond: 1 } });
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta(), 'good');
    let refused = 0;
    for (let i = 0; i < 100; i += 1) {
      const restless = bench.delta();
      restless.send({ node: { id: 'restless' }, typeUrl: CDS });
      const end = await Promise.race([restless.ended, restless.next().catch(() => restless.ended)]);
      if ('code' in end) {
        refused += 1;
        expect(end).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('comes and goes') });
      }
      restless.close();
      await eventually(() => bench.server.clients().length === 1);
      if (i % 10 === 0) await takes(good, String(i + 1));
    }
    expect(refused).toBe(80);
    expect(bench.server.rejections()).toEqual([
      expect.objectContaining({ node: 'restless', code: 'RESOURCE_EXHAUSTED', count: 80 }),
    ]);
    await connected(bench.delta(), 'another');
    time.pass(2_000);
    await connected(bench.delta(), 'restless');
  });

  test('comes and goes has to wait also when the clock of the machine is set', async () => {
    bench = await TestServer.start({ limits: { returns: 1, returnsPerSecond: 0.001 } });
    bench.set(CDS, 'a', '0');
    (await connected(bench.delta(), 'restless')).close();
    await eventually(() => bench.server.clients().length === 0);
    const tomorrow = Date.now() + 86_400_000;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(tomorrow);
    try {
      const again = bench.delta();
      again.send({ node: { id: 'restless' }, typeUrl: CDS });
      expect(await Promise.race([again.ended, again.next().catch(() => again.ended)])).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
      });
    } finally {
      clock.mockRestore();
    }
  });

  test('asks without end is read no faster than it may ask, and the others are read meanwhile', async () => {
    bench = await TestServer.start({ limits: { requestsPerSecond: 50 } });
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta(), 'good');
    const loud = await connected(bench.delta(), 'loud');
    for (let i = 0; i < 1_000; i += 1) loud.send({ typeUrl: CDS, resourceNamesSubscribe: [`x${i}`] });
    await eventually(() => bench.kinds('odd').length > 0);
    expect(bench.kinds('odd')[0]).toMatchObject({ what: 'throttled', node: 'loud' });
    await takes(good, '1');
    expect(bench.server.clients().find(({ node }) => node === 'loud')?.types[0]?.subscribed).toBeLessThan(200);
  });

  test('opens more streams than one address may have is refused, and let in when it closes some', async () => {
    bench = await TestServer.start({ limits: { streamsPerPeer: 3 } });
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta(), 'good');
    const others = [await connected(bench.delta(), 'two'), await connected(bench.delta(), 'three')];
    expect(await bench.delta().ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('3 streams of 127.0.0.1 are open'),
    });
    await takes(good, '1');
    others[0]!.close();
    await eventually(() => bench.server.clients().length === 2);
    await connected(bench.delta(), 'four');
  });

  test('has no certificate, or speaks no TLS, where one is needed is not let in; who has one is', async () => {
    const certFile = join(import.meta.dirname, 'testdata/tls.crt');
    const keyFile = join(import.meta.dirname, 'testdata/tls.key');
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    bench = await TestServer.start({ tls: { certFile, keyFile, clientCaFile: certFile } });
    bench.set(CDS, 'a', '0');
    const good = await connected(bench.delta({ credentials: credentials.createSsl(cert, key, cert) }), 'good');
    const bare = bench.delta({ credentials: credentials.createSsl(cert) });
    expect(await bare.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('no valid client certificate'),
    });
    expect((await bench.delta().ended).code).toBe(status.UNAVAILABLE);
    const other = join(import.meta.dirname, '../../registry-consul/src/testdata/tls');
    const [alienCert, alienKey] = await Promise.all(
      ['localhost.pem', 'localhost-key.pem'].map((name) => readFile(join(other, name))),
    );
    const alien = bench.delta({ credentials: credentials.createSsl(cert, alienKey, alienCert) });
    expect((await alien.ended).code).toBe(status.UNAUTHENTICATED);
    expect(bench.server.rejections()).toHaveLength(2);
    expect(bench.server.rejections()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'UNAUTHENTICATED', count: 2 }),
        expect.objectContaining({ code: 'UNAVAILABLE', reason: expect.stringContaining('without TLS') }),
      ]),
    );
    expect(bench.server.clients()).toMatchObject([{ identity: { commonName: 'isthmus test', dnsNames: ['localhost'] } }]);
    await takes(good, '1');
  });
});
