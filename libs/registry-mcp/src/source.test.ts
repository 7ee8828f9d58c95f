import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Resource, TypeUrl } from '@isthmus/model';
import type { DeltaDiscoveryRequest } from '@isthmus/proto/discovery';
import { ServiceEntry_Resolution } from '@isthmus/proto/istio';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeMcp } from './testing/fake-mcp.ts';
import type { FakeMcpOptions } from './testing/fake-mcp.ts';
import { ID, SERVICES, openMcp } from './testing/harness.ts';
import { serviceEntry, workloadEntry } from './testing/mcp-resource.ts';
import { TcpGate } from './testing/tcp-gate.ts';

const SCOPE = { source: ID, namespace: '', group: '' };
const WORKLOADS = 'networking.istio.io/v1/WorkloadEntry' as TypeUrl;
const OLD_SERVICES = 'networking.istio.io/v1alpha3/ServiceEntry' as TypeUrl;
const TLS = join(import.meta.dirname, '../../registry-consul/src/testdata/tls');

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(options: FakeMcpOptions = {}): Promise<FakeMcp> {
  const fake = new FakeMcp(options);
  await fake.listen();
  closing.push(() => fake.close());
  return fake;
}

function watch(servers: readonly string[], fields: object = {}): Collector {
  const view = collect(openMcp(servers, fields));
  closing.push(async () => {
    await view.stop();
    expect(view.violations).toEqual([]);
  });
  return view;
}

const at = (fake: FakeMcp) => `127.0.0.1:${fake.port}`;
const isLive = (view: Collector) => view.status(SCOPE)?.state === 'live';
const stale = (view: Collector) => {
  const status = view.status(SCOPE);
  return status?.state === 'stale' ? status.cause : undefined;
};
const spec = (host: string, address = '10.0.0.1') => ({
  hosts: [host],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  resolution: ServiceEntry_Resolution.STATIC,
  endpoints: [{ address }],
});
const entry = (name: string, address?: string) => serviceEntry(`shop/${name}`, spec(`${name}.mesh`, address));
const damaged = (name: string): Resource => ({ ...entry(name), bytes: Buffer.from([0xff, 0xff, 0xff]) });

describe.each([{ delta: true }, { delta: false }])('what cannot be read ($delta in delta)', ({ delta }) => {
  test('costs that resource alone, stays as it was before, is refused, and is named', async () => {
    const fake = await serve({ delta });
    fake.put(SERVICES, entry('a'), entry('b'));
    const view = watch([at(fake)]);
    await view.until('live', isLive);
    fake.put(SERVICES, damaged('a'), entry('c'));
    await view.until('c is there', (v) => v.has('c.mesh'));
    await view.until('it is refused', () => fake.nacks.length > 0);
    expect(fake.nacks[0]?.errorDetail?.message).toMatch(/does not decode/);
    expect(view.endpoints('a.mesh')).toHaveLength(1);
    expect(view.endpoints('b.mesh')).toHaveLength(1);
    await view.until('it is said', (v) => v.diagnostics(SCOPE).length === 1);
    expect(view.diagnostics(SCOPE)[0]).toMatchObject({ code: 'answer.invalid', severity: 'error' });
    fake.put(SERVICES, entry('a', '10.0.0.7'));
    await view.until('mended', (v) => v.endpoints('a.mesh')[0]?.address === '10.0.0.7');
    if (delta) await view.until('nothing more to say', (v) => v.diagnostics(SCOPE).length === 0);
  });

  test.each([
    ['a name without a namespace', serviceEntry('lonely', spec('lonely.mesh')), /not namespace\/name/],
    ['a WorkloadEntry among ServiceEntries', workloadEntry('shop/w', { address: '10.0.0.1' }), /no ServiceEntry/],
    ['5 MB in one resource', { ...entry('big'), bytes: Buffer.alloc(5 * 1024 * 1024) }, /the most is/],
  ])('%s is refused, the others count', async (_, bad, reason) => {
    const fake = await serve({ delta });
    fake.put(SERVICES, bad, entry('good'));
    const view = watch([at(fake)]);
    await view.until('live', isLive);
    expect([...view.services.values()].map((record) => record.host)).toEqual(['good.mesh']);
    await view.until('it is refused', () => reason.test(fake.nacks[0]?.errorDetail?.message ?? ''));
  });
});

test('a resource that has no name may be any of those that are missing, so nothing goes', async () => {
  const fake = await serve({ delta: false });
  fake.put(SERVICES, entry('a'), entry('b'));
  const view = watch([at(fake)]);
  await view.until('live', isLive);
  fake.clear();
  fake.put(SERVICES, { name: 'x', version: '1', bytes: Buffer.from([0xff]) }, entry('c'));
  await view.until('c is there', (v) => v.has('c.mesh'));
  expect(view.has('a.mesh') && view.has('b.mesh')).toBe(true);
});

test('a host of two namespaces is the older one’s, and the conflict is said', async () => {
  const fake = await serve();
  fake.put(SERVICES, entry('a'), serviceEntry('zoo/a', spec('a.mesh', '10.9.9.9')));
  const view = watch([at(fake)]);
  await view.until('live', isLive);
  expect(view.endpoints('a.mesh').map((e) => e.address)).toEqual(['10.0.0.1']);
  expect([...view.services.values()][0]?.diagnostics.map((d) => d.code)).toEqual(['host.conflict']);
});

test('an entry that another bridge read from a bridge is left out: bridges that read each other keep nothing alive', async () => {
  const fake = await serve();
  fake.put(SERVICES, entry('near'), serviceEntry('shop/far', spec('far.mesh'), { 'isthmus.dev/hops': '1' }));
  const view = watch([at(fake)]);
  await view.until('live', isLive);
  expect(view.has('near.mesh')).toBe(true);
  expect(view.has('far.mesh')).toBe(false);
  await view.until('said', (v) => v.diagnostics(SCOPE)[0]?.code === 'origin.too-far');
});

test('a server that knows the v1alpha3 spelling only is read without a moment of emptiness', async () => {
  const fake = await serve({ delta: false });
  fake.put(OLD_SERVICES, entry('a'));
  const view = watch([at(fake)]);
  await view.until('live', isLive);
  expect(view.has('a.mesh')).toBe(true);
});

test('a first answer in several pieces is one snapshot', async () => {
  const fake = await serve({ chunk: 3 });
  fake.put(SERVICES, ...Array.from({ length: 20 }, (_, n) => entry(`s${n}`)));
  const view = watch([at(fake)]);
  await view.until('live', isLive);
  const [snapshot] = view.events.filter((event) => event.kind === 'snapshot');
  expect(snapshot?.services.size).toBe(20);
});

describe('WorkloadEntries', () => {
  const selecting = (name: string) =>
    serviceEntry(`shop/${name}`, { ...spec(`${name}.mesh`), endpoints: [], workloadSelector: { labels: { app: name } } });

  test('are the endpoints of the entries that select them; a change of one touches those alone', async () => {
    const fake = await serve();
    fake.put(SERVICES, selecting('a'), selecting('b'));
    fake.put(WORKLOADS, workloadEntry('shop/w1', { address: '10.0.0.1', labels: { app: 'a' } }));
    fake.put(WORKLOADS, workloadEntry('elsewhere/w2', { address: '10.0.0.2', labels: { app: 'a' } }));
    const view = watch([at(fake)]);
    await view.until('live', isLive);
    expect(view.endpoints('a.mesh').map((e) => e.address)).toEqual(['10.0.0.1']);
    const before = view.events.length;
    fake.put(WORKLOADS, workloadEntry('shop/w1', { address: '10.0.0.3', labels: { app: 'b' } }));
    await view.until('it moved', (v) => v.endpoints('b.mesh').length === 1 && v.endpoints('a.mesh').length === 0);
    fake.remove(WORKLOADS, 'shop/w1');
    await view.until('it is gone', (v) => v.endpoints('b.mesh').length === 0);
    expect(view.events.slice(before).map((e) => e.kind)).toEqual(['upsert', 'upsert', 'upsert']);
  });

  test('that are not answered make the source partial: the other services are there, none is taken away', async () => {
    const fake = await serve({ types: [SERVICES] });
    fake.put(SERVICES, selecting('a'), entry('plain'));
    const view = watch([at(fake)], { timeout: '200ms' });
    await view.until('partial', (v) => v.status(SCOPE)?.state === 'partial');
    await view.until('the other one', (v) => v.has('plain.mesh'));
    expect(view.has('a.mesh')).toBe(false);
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
  });
});

describe('after a lost connection', () => {
  test('only what has changed is sent again, and the source is live when it has been', async () => {
    const fake = await serve();
    const gate = new TcpGate(fake.port);
    await gate.open();
    closing.push(() => gate.close());
    fake.put(SERVICES, entry('same'), entry('changed'), entry('gone'));
    const view = watch([gate.address]);
    await view.until('live', isLive);
    await gate.close();
    await view.until('stale', (v) => stale(v) !== undefined);
    fake.put(SERVICES, entry('changed', '10.0.0.9'));
    fake.remove(SERVICES, 'shop/gone');
    const before = fake.requests.length;
    await gate.open();
    await view.until('live again', isLive);
    expect([...view.services.values()].map((record) => record.host).sort()).toEqual(['changed.mesh', 'same.mesh']);
    expect(view.endpoints('changed.mesh')[0]?.address).toBe('10.0.0.9');
    const again = fake.requests.slice(before).find((r) => r.typeUrl === SERVICES) as DeltaDiscoveryRequest;
    expect(Object.keys(again.initialResourceVersions).sort()).toContain('shop/same');
  });

  test('the next server is taken', async () => {
    const [one, two] = [await serve(), await serve()];
    one.put(SERVICES, entry('a', '10.0.0.1'));
    two.put(SERVICES, entry('a', '10.0.0.2'));
    const view = watch([at(one), at(two)]);
    await view.until('live', isLive);
    expect(view.endpoints('a.mesh')[0]?.address).toBe('10.0.0.1');
    one.close();
    await view.until('the other one', (v) => v.endpoints('a.mesh')[0]?.address === '10.0.0.2');
    expect(view.has('a.mesh')).toBe(true);
  });
});

describe('over TLS', () => {
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: readFileSync(join(TLS, 'localhost.pem')), private_key: readFileSync(join(TLS, 'localhost-key.pem')) },
  ]);
  const caFile = join(TLS, 'localhost.pem');

  test('a server whose authority is known is read', async () => {
    const fake = await serve({ credentials });
    fake.put(SERVICES, entry('a'));
    const view = watch([at(fake)], { tls: { caFile, serverName: 'localhost' } });
    await view.until('live', isLive);
    expect(view.has('a.mesh')).toBe(true);
  });

  test.each([
    ['an authority that is not known', { tls: {} }, /certificate.*tls\.caFile/],
    ['a client that speaks plaintext', {}, /add tls/],
    ['a certificate file that is not there', { tls: { caFile: 'nowhere.pem' } }, /TLS files are not usable.*tls\.caFile/],
  ])('%s is a stale source that says what to do', async (_, fields, reason) => {
    const fake = await serve({ credentials });
    const view = watch([at(fake)], fields);
    await view.until('stale', (v) => reason.test(stale(v) ?? ''));
    expect(view.events.some((event) => event.kind === 'snapshot')).toBe(false);
  });
});
