import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExplainAnswer, ItemList, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.default-group.public.nacos';

/** One process reads the registries, another serves the proxies: docs/operations.md, "Roles apart". */
describe('adapter and xds as processes of their own, joined by MCP', () => {
  let nacos: Borrowed<NacosPorts>;
  let adapter: BridgeProcess;
  let front: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let a: Backend;
  let b: Backend;

  const instance = async (method: 'POST' | 'DELETE', port: number): Promise<void> => {
    const query = new URLSearchParams({ serviceName: 'orders', ip: '127.0.0.1', port: String(port), ephemeral: 'false' });
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method });
    if (!answer.ok) throw new Error(`${method} ${port}: ${answer.status} ${await answer.text()}`);
  };
  const source = async (): Promise<SourceView | undefined> => (await front.get<ItemList<SourceView>>('sources')).items[0];
  const clusterHosts = () => hostsOf(envoy, `outbound|80||${HOST}`);
  const sorted = (...backends: readonly Backend[]) => backends.map(({ port }) => `127.0.0.1:${port}`).sort();
  const envoyHas = (...backends: readonly Backend[]) =>
    until('Envoy has them', async () => (await clusterHosts()).join() === sorted(...backends).join());
  const startAdapter = () => adapter.run(() => accepts(adapter.ports.mcp));

  beforeAll(async () => {
    [nacos, a, b] = await Promise.all([borrowNacos2(), Backend.start('a'), Backend.start('b')]);
    await instance('POST', a.port);
    const registries = [{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }];
    adapter = await BridgeProcess.prepare(registries);
    const mcp = { listen: `127.0.0.1:${adapter.ports.mcp}` };
    await adapter.configure(registries, { roles: ['adapter'], outputs: { mcp }, control: undefined });
    await startAdapter();
    const others = [{ name: 'other', kind: 'mcp', servers: [`127.0.0.1:${adapter.ports.mcp}`] }];
    front = await BridgeProcess.prepare(others);
    const xds = { listen: `127.0.0.1:${front.ports.xds}` };
    await front.configure(others, { roles: ['xds', 'control'], outputs: { xds } });
    await front.run();
    envoy = await startSidecar(front.ports.xds, 'DELTA_GRPC');
  }, 300_000);

  afterAll(async () => {
    await envoy?.stop();
    await Promise.all([front?.close(), adapter?.close()]);
    await Promise.all([nacos?.giveBack(), a?.stop(), b?.stop()]);
  }, 60_000);

  test('each opens the ports of its own roles only', async () => {
    const ports = { ...prefixed('adapter', adapter.ports), ...prefixed('front', front.ports) };
    const open = await Promise.all(Object.entries(ports).map(async ([name, port]) => ((await accepts(port)) ? [name] : [])));
    expect(open.flat().sort()).toEqual(['adapter mcp', 'front control', 'front xds']);
  });

  test('what is registered and deregistered at Nacos is seen by the Envoy of the other process', async () => {
    await envoyHas(a);
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('a');
    await instance('POST', b.port);
    await envoyHas(a, b);
    await instance('DELETE', a.port);
    await envoyHas(b);
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('b');
  }, 60_000);

  test('explain names the registry that it comes from first', async () => {
    const { matches } = await front.get<ExplainAnswer>(`explain?q=${HOST}`);
    expect(matches[0]?.origins[0]).toMatchObject({ source: 'other', kind: 'mcp', via: ['shop/public/DEFAULT_GROUP/orders'] });
  });

  test('when the adapter is killed Envoy goes on and the other says stale; when it is back all is live, without a failed call', async () => {
    const outcomes = new Map<number, number>();
    let calling = true;
    const caller = (async () => {
      while (calling) {
        const { status } = await callEgress(envoy.ports.egress, HOST).catch(() => ({ status: 0 }));
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await adapter.end('SIGKILL');
    await until('stale', async () => (await source())?.state === 'stale');
    expect((await source())?.cause).toContain(`127.0.0.1:${adapter.ports.mcp} cannot be reached`);
    expect(await clusterHosts()).toEqual(sorted(b));
    await instance('POST', a.port);
    await startAdapter();
    await until('live', async () => (await source())?.state === 'live');
    await envoyHas(a, b);
    calling = false;
    await caller;
    expect([...outcomes.keys()]).toEqual([200]);
  }, 120_000);
});

function prefixed(name: string, ports: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).map(([port, number]) => [`${name} ${port}`, number]));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
