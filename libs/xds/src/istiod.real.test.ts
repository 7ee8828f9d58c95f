import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { http, startIstiod } from '@isthmus/servers';
import type { IstiodServer } from '@isthmus/servers';
import { SnapshotStore } from './snapshot-store.ts';
import { SERVICE_ENTRY, serviceEntry } from './testing/istio-resources.ts';
import { mcpServer } from './xds-server.ts';
import type { XdsServer } from './xds-server.ts';

jest.setTimeout(60_000);

const store = new SnapshotStore([SERVICE_ENTRY]);
let mcp: XdsServer;
let istiod: IstiodServer;

async function serve(port = 0, ready?: Promise<void>): Promise<number> {
  const provider = { viewFor: () => store };
  mcp = mcpServer({ host: '127.0.0.1', port, provider, ...(ready === undefined ? {} : { ready }) });
  return mcp.listen();
}

beforeAll(async () => {
  store.commit([serviceEntry('orders', ['10.0.0.1'])]);
  istiod = await startIstiod({ mcp: `127.0.0.1:${await serve()}` });
}, 600_000); // istiod may have to be built first

afterAll(async () => {
  await istiod?.stop();
  await mcp?.close();
});

/** `orders 10.0.0.1,10.0.0.2` for each ServiceEntry that istiod has. */
async function entries(): Promise<string[]> {
  const { body } = await http(istiod.ports.monitoring, '/debug/configz');
  const configs = JSON.parse(body) as { kind: string; metadata: { name: string }; spec: { endpoints?: { address: string }[] } }[];
  return configs
    .filter(({ kind }) => kind === 'ServiceEntry')
    .map(({ metadata, spec }) => `${metadata.name} ${(spec.endpoints ?? []).map(({ address }) => address).join()}`)
    .sort();
}

async function until(expected: string[]): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    if (JSON.stringify(await entries()) === JSON.stringify(expected)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await entries()).toEqual(expected);
}

// The tests follow one istiod through its life, in order.
describe('a real istiod', () => {
  test('is synced by answers to all of its types, most of them empty, and shows the ServiceEntry', async () => {
    await until(['orders 10.0.0.1']);
    const [client] = mcp.clients();
    expect(client).toMatchObject({ transport: 'mcp' });
    const silent = client!.types.filter(({ sent }) => sent === undefined).map(({ type }) => type);
    expect(silent).toEqual(['core/v1alpha1/MeshConfig']);
    const answered = client!.types.filter(({ sent, acked }) => sent !== undefined && sent === acked);
    expect(answered.length).toBeGreaterThanOrEqual(14);
  });

  test('takes what changes, comes and goes', async () => {
    store.commit([serviceEntry('orders', ['10.0.0.1', '10.0.0.2']), serviceEntry('payments', ['10.0.1.1'])]);
    await until(['orders 10.0.0.1,10.0.0.2', 'payments 10.0.1.1']);
    store.commit([{ type: SERVICE_ENTRY, name: 'shop/orders', resource: undefined }]);
    await until(['payments 10.0.1.1']);
  });

  test('ends with the newest of many changes', async () => {
    for (let i = 0; i < 200; i += 1) store.commit([serviceEntry('payments', [`10.0.1.${i + 1}`])]);
    await until(['payments 10.0.1.200']);
  });

  test('keeps what it has while a restarted server is not ready, and is told nothing by halves', async () => {
    const port = mcp.port!;
    await mcp.close();
    store.commit([{ type: SERVICE_ENTRY, name: 'shop/payments', resource: undefined }]);
    const ready = Promise.withResolvers<void>();
    await serve(port, ready.promise);
    const asked = (): boolean => (mcp.clients()[0]?.types.length ?? 0) >= 15;
    for (const deadline = Date.now() + 20_000; !asked() && Date.now() < deadline;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(asked()).toBe(true);
    expect(mcp.clients()[0]?.types.every(({ sent }) => sent === undefined)).toBe(true);
    expect(await entries()).toEqual(['payments 10.0.1.200']);
    store.commit([serviceEntry('payments', ['10.0.1.7'])]);
    ready.resolve();
    await until(['payments 10.0.1.7']);
  });
});
