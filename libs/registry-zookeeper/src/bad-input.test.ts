import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { formatDiagnostic } from '@isthmus/model';
import type { Collector } from '@isthmus/registry/testing';
import { FakeZookeeper } from './testing/fake-zookeeper.ts';
import { causeOf, openSource, stateOf, testScope } from './testing/open-source.ts';
import { providerUrl } from './testing/registrations.ts';

let fake: FakeZookeeper;
let view: Collector | undefined;

beforeEach(async () => {
  fake = await FakeZookeeper.start();
  fake.tree.set('/dubbo');
});
afterEach(async () => {
  await view?.stop();
  await fake.down();
  expect(view?.violations).toEqual([]);
});

async function live(): Promise<Collector> {
  const opened = openSource(fake.address);
  view = opened;
  await opened.until('live', (v) => stateOf(v) === 'live');
  return opened;
}
const good = () => fake.tree.set(`/dubbo/a.B/providers/${providerUrl('10.0.0.1:20880', 'a.B', {})}`);
const addresses = (name: string) => view?.endpoints(name).map((e) => `${e.address}:${e.port}`);
const problems = (name: string) =>
  [...(view?.services.values() ?? [])].filter((s) => s.key.name === name).flatMap((s) => s.diagnostics.map((d) => d.code));

describe('a provider that makes no sense costs itself, not its neighbour', () => {
  test.each([
    ['not-a-url', 'no "protocol://" at its start'],
    ['dubbo%3A%2F%2F10.0.0.2%3A20880%ZZ', 'a % that starts no UTF-8 character'],
    ['x'.repeat(70_000), 'characters, the most is'],
  ])('a name that is no URL (%.20s)', async (name, why) => {
    good();
    fake.tree.set(`/dubbo/a.B/providers/${name}`);
    await live();
    expect(addresses('providers:a.B::')).toEqual(['10.0.0.1:20880']);
    const [diagnostic] = view?.diagnostics(testScope) ?? [];
    expect(diagnostic && formatDiagnostic(diagnostic)).toContain(why);
    expect(diagnostic).toMatchObject({ code: 'answer.invalid', where: 'dubbo///a.B' });
    fake.tree.remove(`/dubbo/a.B/providers/${name}`);
    await view?.until('it is taken back', (v) => v.diagnostics(testScope).length === 0);
  });

  test.each([
    ['10.0.0.2:0', {}, ['port.invalid']],
    ['10.0.0.2', {}, ['port.invalid']],
    ['0.0.0.0:20880', {}, ['address.invalid']],
    ['10.0.0.256:20880', {}, ['address.invalid']],
    ['10.0.0.1:20880', { timestamp: '2' }, ['endpoint.duplicate']],
  ])('an address like %s', async (address, parameters, codes) => {
    good();
    fake.tree.set(`/dubbo/a.B/providers/${providerUrl(address, 'a.B', parameters)}`);
    await live();
    expect(addresses('providers:a.B::')).toEqual(['10.0.0.1:20880']);
    expect(problems('providers:a.B::')).toEqual(codes);
  });

  test('an unknown protocol is TCP, and says so', async () => {
    fake.tree.set(`/dubbo/a.B/providers/${encodeURIComponent('avian://10.0.0.1:1/a.B')}`);
    await live();
    expect(view?.endpoints('providers:a.B::')[0]?.protocol).toBe('tcp');
    expect(problems('providers:a.B::')).toEqual(['port.unknown-protocol']);
  });

  test('an interface of which no host can be made is left out, and says so', async () => {
    fake.tree.set(`/dubbo/a..B/providers/${providerUrl('10.0.0.1:1', 'a..B', {})}`);
    good();
    await live();
    expect(view?.services.size).toBe(1);
    expect(view?.diagnostics(testScope).map((d) => d.code)).toEqual(['host.invalid']);
  });
});

describe('an instance of an application that makes no sense costs itself, not its neighbour', () => {
  const json = (more: object) =>
    JSON.stringify({ name: 'shop', address: '10.0.0.2', port: 80, payload: { metadata: {} }, ...more });

  test.each<[string, string | Buffer, string]>([
    ['no data', '', 'answer.invalid'],
    ['an empty object', '{}', 'address.invalid'],
    ['an empty list', '[]', 'answer.invalid'],
    ['cut-off JSON', json({}).slice(0, 40), 'answer.invalid'],
    ['a megabyte', json({ payload: { metadata: { big: 'x'.repeat(1_048_000) } } }), 'answer.invalid'],
    ['40 kB of metadata', json({ payload: { metadata: { big: 'x'.repeat(40_000) } } }), 'metadata.too-large'],
    ['port 0', json({ port: 0 }), 'port.invalid'],
    ['an address that is a number', json({ address: 7 }), 'address.invalid'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x7b]), 'answer.invalid'],
    [
      'endpoints of Dubbo without a port',
      json({ payload: { metadata: { 'dubbo.endpoints': '[{"protocol":"tri"}]' } } }),
      'port.invalid',
    ],
  ])('%s', async (_what, data, code) => {
    fake.tree.set('/services/shop/1', json({ address: '10.0.0.1' }));
    fake.tree.set('/services/shop/2', data);
    await live();
    expect(addresses('shop')).toContain('10.0.0.1:80');
    expect(problems('shop')).toEqual([code]);
  });

  test('a mapping that is no list of names maps to nothing', async () => {
    fake.tree.set('/services/shop/1', json({}));
    fake.tree.set('/dubbo/mapping/a.B', ',,/,');
    fake.tree.set('/dubbo/mapping/c.D', 'x'.repeat(100_000));
    await live();
    expect([...(view?.services.values() ?? [])].map((s) => s.key.name)).toEqual(['shop']);
  });
});

describe('a server that is no ZooKeeper, or a broken one', () => {
  const stale = async (address: string) => {
    const opened = openSource(address);
    view = opened;
    await opened.until('stale', (v) => stateOf(v) === 'stale', 5_000);
    expect(opened.services.size).toBe(0);
    return causeOf(opened);
  };

  test('one that speaks HTTP is stale, with a cause that says what to check', async () => {
    const http = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    try {
      expect(await stale(`127.0.0.1:${(http.address() as AddressInfo).port}`)).toContain('what answers there is no ZooKeeper');
      await view?.stop();
    } finally {
      http.close();
    }
  });

  test('one that gives no session', async () => {
    fake.greeting = Buffer.from('00000024000000000000000000000000000000000000001000000000000000000000000000000000', 'hex');
    expect(await stale(fake.address)).toContain('it gave us no session');
  });

  test('one whose greeting is cut off', async () => {
    fake.greeting = Buffer.from('0000000200ff', 'hex');
    expect(await stale(fake.address)).toContain('no ZooKeeper message');
  });

  test.each([
    ['a length of 2 GB', '7fffffff'],
    ['a negative length', 'ffffff00'],
    ['a length of 100 MB', '06400000'],
    ['a header that is cut off', '0000000400000001'],
  ])('a connection on which %s comes is given up, and nothing is lost', async (_what, hex) => {
    good();
    const opened = await live();
    const before = opened.events.length;
    fake.garble(Buffer.from(hex, 'hex'));
    await opened.until('stale', (v) => v.events.slice(before).some((e) => e.kind === 'status' && e.status.state === 'stale'));
    await opened.until('live again', (v) => stateOf(v) === 'live');
    expect(addresses('providers:a.B::')).toEqual(['10.0.0.1:20880']);
  });

  test('a password file that is not there is a stale registry that says so', async () => {
    const opened = openSource(fake.address, { auth: { username: 'u', passwordFile: 'none/at/all' } });
    view = opened;
    await opened.until('stale', (v) => stateOf(v) === 'stale');
    expect(causeOf(opened)).toMatch(/secret file .*none\/at\/all cannot be read/);
  });
});
