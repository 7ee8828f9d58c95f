import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ItemList, ProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { callEgress, shares } from './support/egress.ts';
import { startSidecar, statOf } from './support/envoy.ts';

jest.setTimeout(120_000);

const HOST = 'orders.mesh';

/** Istio's rules as files, from the bridge, in a real Envoy. */
describe.each(['GRPC', 'DELTA_GRPC'] as const)('rules from files, over %s:', (api) => {
  const backends: Backend[] = [];
  let bridge: BridgeProcess;
  let web: EnvoyServer<'egress'>;
  let other: EnvoyServer<'egress'>;

  const give = async (name: string, text: string): Promise<void> => {
    const file = join(bridge.directory, 'istio.d', name);
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  };
  const ask = async (headers: Readonly<Record<string, string>> = {}, path = '/') =>
    (await callEgress(web.ports.egress, HOST, headers, path)).body;
  const diagnostics = async () => (await bridge.get<ItemList<{ where: string; what: string }>>('diagnostics')).items;

  beforeAll(async () => {
    for (const name of ['v1', 'v2']) backends.push(await Backend.start(name));
    bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], { istio: { dir: 'istio.d' } });
    await mkdir(join(bridge.directory, 'istio.d'));
    const endpoints = backends.map(({ name, port }) => ({ address: '127.0.0.1', port, labels: { version: name } }));
    await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services: [{ host: HOST, endpoints }] }));
    await bridge.run();
    web = await startSidecar(bridge.ports.xds, api, 'web');
    other = await startSidecar(bridge.ports.xds, api, 'other');
    await until('calls arrive', async () => (await callEgress(web.ports.egress, HOST)).status === 200);
    await until('at the other too', async () => (await callEgress(other.ports.egress, HOST)).status === 200);
  }, 180_000);

  afterAll(async () => {
    await web?.stop();
    await other?.stop();
    await bridge?.close();
    await Promise.all(backends.map((backend) => backend.stop()));
  }, 60_000);

  test('without rules the instances share the calls', async () => {
    expect([...(await shares(web.ports.egress, HOST, 100)).keys()].sort()).toEqual(['v1', 'v2']);
  });

  test('a canary by weight', async () => {
    await give('subsets.yaml', SUBSETS);
    await give('canary.yaml', canary(90));
    await until('a tenth goes to v2', async () => {
      const counts = await shares(web.ports.egress, HOST, 100);
      return (counts.get('v1') ?? 0) > 75 && (counts.get('v1') ?? 0) < 100;
    });
    const counts = await shares(web.ports.egress, HOST, 1_000);
    expect(counts.get('v1')).toBeGreaterThan(850);
    expect(counts.get('v1')).toBeLessThan(950);
    expect((counts.get('v1') ?? 0) + (counts.get('v2') ?? 0)).toBe(1_000);
  });

  test('a canary by header, moved by changing the file', async () => {
    await give('canary.yaml', BY_HEADER);
    const decides = async (): Promise<boolean> => {
      for (let n = 0; n < 30; n += 1) if ((await ask({ 'x-user': 'tester' })) !== 'v2' || (await ask()) !== 'v1') return false;
      return true;
    };
    await until('the header decides', decides); // by weight, thirty in a row would be a miracle
    expect(await decides()).toBe(true);
  });

  test('a file that is wrong keeps its last good version and says where; another goes on', async () => {
    await give('canary.yaml', BY_HEADER.replace('exact: tester', 'regex: "("').replace('subset: v1', 'subset: v2'));
    await give('answer.yaml', ANSWER);
    await until('the good file counts', async () => (await callEgress(web.ports.egress, 'teapot.test')).status === 418);
    expect([await ask({ 'x-user': 'tester' }), await ask()]).toEqual(['v2', 'v1']);
    await until('it is said', async () => (await diagnostics()).some(({ where }) => /canary\.yaml:\d+:\d+/.test(where)));
    const { code, stderr, stdout } = await startCli(['check', '-c', 'isthmus.yaml'], { cwd: bridge.directory }).ended;
    expect(code).toBe(1);
    expect(`${stdout}${stderr}`).toMatch(/canary\.yaml:\d+:\d+/);
    await give('canary.yaml', BY_HEADER);
    await until('it is forgotten', async () => (await diagnostics()).length === 0);
  });

  test('a Sidecar narrows what one workload sees, and only that one', async () => {
    const node = (name: string) => `sidecar~127.0.0.1~${name}.default~default.svc.cluster.local`;
    await give('sidecar.yaml', SIDECAR);
    // Both are in namespace default; the Sidecar is for a label that neither has, then for all.
    await until('still there', async () => (await callEgress(web.ports.egress, HOST)).status === 200);
    await give('sidecar.yaml', SIDECAR.replace('workloadSelector: { labels: { app: nobody } }', ''));
    await until('gone', async () => (await callEgress(web.ports.egress, HOST)).status === 502);
    await rm(join(bridge.directory, 'istio.d/sidecar.yaml'));
    await until('back', async () => (await callEgress(web.ports.egress, HOST)).status === 200);
    const { items } = await bridge.get<ItemList<ProxyView>>('proxies');
    expect(items.map(({ node: id }) => id).sort()).toEqual([node('other'), node('web')]);
  });

  test('nothing of it was rejected, and no call failed for want of a cluster', async () => {
    for (const envoy of [web, other]) {
      for (const manager of ['cluster_manager.cds', 'listener_manager.lds', 'http.outbound_127.0.0.1_PORT.rds.http_proxy']) {
        const rejected = await statOf(envoy, `${manager.replace('PORT', String(envoy.ports.egress))}.update_rejected`);
        expect([manager, rejected]).toEqual([manager, 0]);
      }
      expect(await statOf(envoy, `http.outbound_127.0.0.1_${envoy.ports.egress}.no_cluster`)).toBe(0);
    }
  });
});

const SUBSETS = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders }
spec:
  host: ${HOST}
  exportTo: ['*']
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

function canary(percent: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders }
spec:
  hosts: [${HOST}]
  http:
    - route:
        - { destination: { host: ${HOST}, subset: v1 }, weight: ${percent} }
        - { destination: { host: ${HOST}, subset: v2 }, weight: ${100 - percent} }
`;
}

const BY_HEADER = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders }
spec:
  hosts: [${HOST}]
  http:
    - match: [{ headers: { x-user: { exact: tester } } }]
      route: [{ destination: { host: ${HOST}, subset: v2 } }]
    - route: [{ destination: { host: ${HOST}, subset: v1 } }]
`;

const ANSWER = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: teapot }
spec:
  hosts: [teapot.test]
  http: [{ directResponse: { status: 418 } }]
`;

const SIDECAR = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: narrow }
spec:
  workloadSelector: { labels: { app: nobody } }
  egress: [{ hosts: ['./nothing.test'] }]
`;
