import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { startIstiod, startKubernetes } from '@isthmus/servers';
import type { IstiodServer, KubernetesServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { clustersOf, endpointsOf, routeOf } from './support/sidecar-view.ts';

jest.setTimeout(120_000);

// Services come from a file here: what is in question is where they go.
const source = [{ name: 'fixed', kind: 'file', path: 'services.yaml' }];
interface Service {
  readonly host: string;
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
  readonly meshNamespace?: string;
}
const service = (host: string, ...addresses: string[]): Service => ({
  host,
  endpoints: addresses.map((address) => ({ address, port: 8080 })),
});

async function write(bridge: BridgeProcess, services: readonly Service[]): Promise<void> {
  await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services }));
}

async function prepare(services: readonly Service[], outputs?: object): Promise<BridgeProcess> {
  const bridge = await BridgeProcess.prepare(source, outputs === undefined ? {} : { outputs });
  await write(bridge, services);
  return bridge;
}

const cli = (bridge: BridgeProcess, ...args: string[]) =>
  startCli([...args, '--control', `http://127.0.0.1:${bridge.ports.control}`], { cwd: bridge.directory }).ended;

describe('files', () => {
  let bridge: BridgeProcess;
  let istiod: IstiodServer;
  const dir = () => join(bridge.directory, 'out');

  beforeAll(async () => {
    bridge = await prepare([service('orders.mesh', '10.1.0.1', '10.1.0.2'), service('payments.mesh', '10.1.1.1')], {
      files: { dir: 'out' },
    });
    await bridge.run();
    await until(
      'the files are there',
      async () => (await readdir(dir()).catch(() => [])).filter((f) => f.endsWith('.yaml')).length === 2,
    );
    istiod = await startIstiod({ meshConfig: { configSources: [{ address: `fs://${dir()}` }] } });
  }, 600_000);

  afterAll(async () => {
    await istiod?.stop();
    await bridge?.close();
  }, 30_000);

  test('are what `export --format istio` prints', async () => {
    const { stdout } = await cli(bridge, 'export', '--format', 'istio');
    const files = await Promise.all((await readdir(dir())).sort().map((name) => readFile(join(dir(), name), 'utf8')));
    expect(files.map((text) => text.slice(text.indexOf('\n') + 1)).join('---\n')).toBe(stdout);
  });

  test('are read by a real istiod (fs://), which follows their changes', async () => {
    await write(bridge, [service('orders.mesh', '10.1.0.1', '10.1.0.3'), service('new.mesh', '10.1.2.1')]);
    await until(
      'the sidecar has the changed service',
      async () => (await endpointsOf(istiod, 'orders.mesh')).join() === '10.1.0.1,10.1.0.3',
    );
    await until('and the new one', async () => (await endpointsOf(istiod, 'new.mesh')).join() === '10.1.2.1');
    await until('and not the removed one', async () => !(await clustersOf(istiod)).includes('outbound|80||payments.mesh'));
  });

  test('a dry run says what it would write, and writes nothing', async () => {
    const before = (await readdir(dir())).sort();
    const dry = await prepare([service('orders.mesh', '10.9.9.9'), service('other.mesh', '10.1.3.1')], { files: { dir: dir() } });
    try {
      const run = startCli(['serve', '--dry-run', '-c', 'isthmus.yaml'], { cwd: dry.directory });
      await until('it has read everything', async () => (await cli(dry, 'get', 'services')).stdout.includes('other.mesh'));
      const { code, stdout } = await cli(dry, 'export', '--diff');
      run.kill('SIGTERM');
      await run.ended;
      expect(code).toBe(1);
      expect(stdout).toContain('+ other.mesh.yaml');
      expect(stdout).toContain('~ orders.mesh.yaml');
      expect(stdout).toContain('-    - address: 10.1.0.3');
      expect(stdout).toContain('- new.mesh.yaml');
      expect(stdout).toContain('1 to create, 1 to change, 1 to delete, 0 as they should be');
    } finally {
      await dry.close();
    }
    expect((await readdir(dir())).sort()).toEqual(before);
    const { code, stdout } = await cli(bridge, 'export', '--diff');
    expect([code, stdout]).toEqual([0, expect.stringContaining('0 to create, 0 to change, 0 to delete, 2 as they should be')]);
  });
});

describe('Kubernetes', () => {
  let cluster: KubernetesServer;
  let bridge: BridgeProcess;
  let istiod: IstiodServer;
  const serviceEntries = '/apis/networking.istio.io/v1/namespaces/legacy/serviceentries';
  const names = async () =>
    ((await cluster.must({ path: serviceEntries })) as { items: { metadata: { name: string } }[] }).items.map(
      (i) => i.metadata.name,
    );

  beforeAll(async () => {
    cluster = await startKubernetes({ istioCrds: true });
    bridge = await prepare([service('orders.mesh', '10.1.0.1', '10.1.0.2')], {
      kubernetes: { kubeconfig: cluster.kubeconfig, namespace: 'legacy', createNamespaces: true },
    });
    await bridge.run();
    await until('the object is there', async () => (await names().catch(() => [])).length === 1);
    istiod = await startIstiod({ kubeconfig: cluster.kubeconfig });
  }, 900_000);

  afterAll(async () => {
    await istiod?.stop();
    await bridge?.close();
    await cluster?.stop();
  }, 60_000);

  test('an istiod that reads Kubernetes and knows nothing of Isthmus has the service, and follows it', async () => {
    await until('it has it', async () => (await endpointsOf(istiod, 'orders.mesh')).join() === '10.1.0.1,10.1.0.2');
    await write(bridge, [service('orders.mesh', '10.1.0.2'), service('payments.mesh', '10.1.1.1')]);
    await until('it follows', async () => (await endpointsOf(istiod, 'orders.mesh')).join() === '10.1.0.2');
    await until('and has the new one', async () => (await endpointsOf(istiod, 'payments.mesh')).join() === '10.1.1.1');
    await write(bridge, [service('orders.mesh', '10.1.0.2')]);
    await until('the object is gone', async () => (await names()).join() === 'orders.mesh');
  });

  test('a dry run against the cluster says what it would write; the API server is as before', async () => {
    const items = async () => JSON.stringify(((await cluster.must({ path: serviceEntries })) as { items: unknown }).items);
    const before = await items();
    const dry = await prepare([service('orders.mesh', '10.1.0.7')], {
      kubernetes: { kubeconfig: cluster.kubeconfig, namespace: 'legacy' },
    });
    try {
      const run = startCli(['serve', '--dry-run', '-c', 'isthmus.yaml'], { cwd: dry.directory });
      await until('it has read everything', async () => (await cli(dry, 'get', 'services')).stdout.includes('orders.mesh'));
      const { code, stdout } = await cli(dry, 'export', '--diff');
      run.kill('SIGTERM');
      await run.ended;
      expect(code).toBe(1);
      expect(stdout).toContain('~ ServiceEntry legacy/orders.mesh');
      expect(stdout).toContain('10.1.0.7');
    } finally {
      await dry.close();
    }
    expect(await items()).toBe(before);
  });
});

describe('istiod with k8s:// beside xds://', () => {
  let cluster: KubernetesServer;
  let bridge: BridgeProcess;
  let istiod: IstiodServer;
  const inCluster = 'inventory.shop.svc.cluster.local';

  beforeAll(async () => {
    cluster = await startKubernetes({ istioCrds: true });
    await cluster.must({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    });
    await cluster.must({
      method: 'POST',
      path: '/apis/networking.istio.io/v1/namespaces/shop/virtualservices',
      body: {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'orders', namespace: 'shop' },
        spec: { hosts: ['orders.mesh'], http: [{ timeout: '7s', route: [{ destination: { host: 'orders.mesh' } }] }] },
      },
    });
    await cluster.must({
      method: 'POST',
      path: '/api/v1/namespaces/shop/services',
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'inventory' },
        spec: { ports: [{ name: 'http', port: 80, targetPort: 9090 }] },
      },
    });
    await cluster.must({
      method: 'POST',
      path: '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices',
      body: {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'inventory-1', labels: { 'kubernetes.io/service-name': 'inventory' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 9090 }],
        endpoints: [{ addresses: ['10.7.0.1'], conditions: { ready: true } }],
      },
    });
    bridge = await prepare([
      service('orders.mesh', '10.1.0.1', '10.1.0.2'),
      { ...service(inCluster, '10.8.0.1'), meshNamespace: 'shop' },
    ]);
    await bridge.run();
    istiod = await startIstiod({
      kubeconfig: cluster.kubeconfig,
      meshConfig: { configSources: [{ address: 'k8s://' }, { address: `xds://127.0.0.1:${bridge.ports.mcp}` }] },
    });
  }, 900_000);

  afterAll(async () => {
    await istiod?.stop();
    await bridge?.close();
    await cluster?.stop();
  }, 60_000);

  test('both are effective: a VirtualService of the cluster is on the route to a service that came over MCP', async () => {
    await until('the service is there', async () => (await endpointsOf(istiod, 'orders.mesh')).join() === '10.1.0.1,10.1.0.2');
    await until('the rule is on its route', async () => (await routeOf(istiod, 'orders.mesh'))?.timeout === '7s');
  });

  test('what changes in either of them arrives', async () => {
    await cluster.must({
      method: 'PATCH',
      path: '/apis/networking.istio.io/v1/namespaces/shop/virtualservices/orders',
      body: { spec: { http: [{ timeout: '9s', route: [{ destination: { host: 'orders.mesh' } }] }] } },
    });
    await until('the changed rule', async () => (await routeOf(istiod, 'orders.mesh'))?.timeout === '9s');
    await write(bridge, [service('orders.mesh', '10.1.0.9'), { ...service(inCluster, '10.8.0.1'), meshNamespace: 'shop' }]);
    await until('the changed service', async () => (await endpointsOf(istiod, 'orders.mesh')).join() === '10.1.0.9');
  });

  test('istio#44084: of a Kubernetes Service and a ServiceEntry of the same host and namespace, the Service defines it', async () => {
    const answer = await fetch(`http://127.0.0.1:${istiod.ports.monitoring}/debug/registryz`);
    const known = ((await answer.json()) as { hostname?: string; Attributes?: { ServiceRegistry?: string } }[])
      .filter(({ hostname }) => hostname === inCluster)
      .map(({ Attributes }) => Attributes?.ServiceRegistry);
    expect(known.sort()).toEqual(['External', 'Kubernetes']);
    // Both are known, and callers reach the Service's endpoints alone.
    expect(await endpointsOf(istiod, inCluster)).toEqual(['10.7.0.1']);
  });
});
