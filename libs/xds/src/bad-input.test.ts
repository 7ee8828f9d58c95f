import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import type { DeltaClient } from './testing/ads-client.ts';
import { RawClient } from './testing/raw-client.ts';
import { TestServer, eventually } from './testing/test-server.ts';
import { CDS, EDS } from './type-urls.ts';

// Clients that do what no client should: each gets a clear status, is counted, and stops or slows nobody else.
// Those that are only slow, mute or restless: bad-input.clients.test.ts.

let bench: TestServer;
let good: DeltaClient;
let versions = 0;

beforeEach(async () => {
  bench = await TestServer.start({ limits: { requestBytes: 100_000, names: 20_000 } });
  bench.set(CDS, 'a', '0');
  good = bench.delta();
  good.send({ node: { id: 'good' }, typeUrl: CDS });
  const { nonce } = await good.next();
  good.send({ typeUrl: CDS, responseNonce: nonce });
});

afterEach(() => bench.stop());

/** The others are served on: a change reaches the good client on the stream that it has had all along. */
async function othersAreServed(): Promise<void> {
  const version = `v${(versions += 1)}`;
  bench.set(CDS, 'a', version);
  const { resources, nonce } = await good.next();
  expect(resources.map((one) => one.version)).toEqual([version]);
  good.send({ typeUrl: CDS, responseNonce: nonce });
}

const rejected = (code: string, reason: string) =>
  expect.objectContaining({ code, reason: expect.stringContaining(reason) as unknown as string });

describe('a client that sends', () => {
  test('a message that is too large is told so, and counted', async () => {
    const bad = bench.delta();
    bad.send({ node: { id: 'bad' }, typeUrl: CDS, resourceNamesSubscribe: ['x'.repeat(200_000)] });
    expect(await bad.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('larger than') });
    await eventually(() => bench.server.rejections().length === 1);
    expect(bench.server.rejections()).toEqual([rejected('RESOURCE_EXHAUSTED', 'larger than')]);
    await othersAreServed();
  });

  test('a compressed message, however huge it would become, is told that none is taken', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    const bad = new RawClient(bench.port, { 'grpc-encoding': 'gzip' });
    bad.sendFrame(bomb, true);
    bad.stream.resume();
    expect((await bad.ended)['grpc-status']).toBe(String(status.UNIMPLEMENTED));
    expect(bench.server.rejections()).toEqual([rejected('UNIMPLEMENTED', 'compressed')]);
    bad.close();
    await othersAreServed();
  });

  test.each([
    ['bytes that are no message', Buffer.from([0xff, 0xff, 0xff]), 'no delta discovery request'],
    ['no node', Buffer.alloc(0), 'which node it is'],
  ])('%s ends its own stream', async (_, bytes, reason) => {
    const bad = bench.delta();
    bad.sendBytes(bytes);
    expect(await bad.ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(reason) });
    expect(bench.server.rejections()).toEqual([rejected('INVALID_ARGUMENT', reason)]);
    await othersAreServed();
  });

  test.each([
    ['is empty', '', 'which node it is'],
    ['has control characters', 'web\u001b[2J', 'control characters'],
    ['has a line break', 'web\nlevel=error', 'control characters'],
    ['is endless', 'w'.repeat(5_000), '5000 characters'],
  ])('a node id that %s is refused, and is never shown', async (_, id, reason) => {
    const bad = bench.delta();
    bad.send({ node: { id, cluster: 'c' }, typeUrl: CDS });
    expect(await bad.ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(reason) });
    expect(bench.server.rejections()).toEqual([expect.objectContaining({ node: '', count: 1 })]);
    expect(bench.server.clients().map(({ node }) => node)).toEqual(['good']);
    await othersAreServed();
  });

  test('metadata that is nested a thousand levels deep is refused', async () => {
    const bad = bench.delta();
    bad.send({ node: { id: 'bad', metadata: deep(1_000) as never }, typeUrl: CDS });
    expect(await bad.ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('nested') });
    await othersAreServed();
  });

  test('an unknown type gets an empty answer, is shown as not served, and is counted', async () => {
    const typeUrl = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
    const odd = bench.delta();
    odd.send({ node: { id: 'odd' }, typeUrl, resourceNamesSubscribe: ['x'] });
    expect(await odd.next()).toMatchObject({ typeUrl, resources: [], removedResources: ['x'] });
    expect(bench.server.clients().at(-1)?.types).toMatchObject([{ type: typeUrl, served: false }]);
    expect(bench.kinds('odd')).toEqual([expect.objectContaining({ what: 'unknown-type', node: 'odd' })]);
    await othersAreServed();
  });

  test.each([
    ['no type', '', 'type_url ""'],
    ['a type of 10,000 characters', `type.googleapis.com/${'x'.repeat(10_000)}`, '10020 characters'],
  ])('%s ends its own stream', async (_, typeUrl, reason) => {
    const bad = bench.sotw();
    bad.send({ node: { id: 'bad' }, typeUrl });
    expect(await bad.ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(reason) });
    expect(bench.server.rejections()).toEqual([expect.objectContaining({ node: 'bad', code: 'INVALID_ARGUMENT' })]);
    await othersAreServed();
  });

  test('a hundred types ends its own stream', async () => {
    const bad = bench.delta();
    for (let i = 0; i < 100; i += 1) bad.send({ node: { id: 'bad' }, typeUrl: `type.googleapis.com/made.up.Type${i}` });
    expect(await bad.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('64 types') });
    await othersAreServed();
  });

  test('foreign nonces acknowledges nothing with them, and they are counted', async () => {
    const bad = bench.delta();
    bad.send({ node: { id: 'bad' }, typeUrl: CDS });
    await bad.next();
    for (let i = 0; i < 50; i += 1) bad.send({ typeUrl: CDS, responseNonce: `guess-${i}` });
    await eventually(() => bench.server.clients().at(-1)?.foreignNonces === 50);
    expect(bench.server.clients().at(-1)?.types[0]).toMatchObject({ acked: undefined });
    await othersAreServed();
  });

  test('10,000 names in one subscription gets an answer to each of them', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `n${i}`);
    bench.set(EDS, 'n7', '1');
    const many = bench.delta();
    many.send({ node: { id: 'many' }, typeUrl: EDS, resourceNamesSubscribe: names });
    await othersAreServed();
    const { resources, removedResources } = await many.next();
    expect([resources.map(({ name }) => name), removedResources.length]).toEqual([['n7'], 9_999]);
    const state = bench.sotw();
    state.send({ node: { id: 'state' }, typeUrl: EDS, resourceNames: names });
    await othersAreServed();
    expect((await state.next()).resources.length).toBe(10_000);
  });

  test('more names than are allowed, in however many requests, ends its own stream', async () => {
    const bad = bench.delta();
    bad.send({ node: { id: 'bad' }, typeUrl: EDS });
    for (let i = 0; i < 30; i += 1)
      bad.send({ typeUrl: EDS, resourceNamesSubscribe: Array.from({ length: 1_000 }, (_, n) => `n${i}-${n}`) });
    expect(await bad.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('20000 names') });
    expect(bench.server.rejections()).toEqual([expect.objectContaining({ node: 'bad', code: 'RESOURCE_EXHAUSTED' })]);
    await othersAreServed();
  });
});

function deep(levels: number): object {
  let value: object = {};
  for (let i = 0; i < levels; i += 1) value = { a: value };
  return value;
}
