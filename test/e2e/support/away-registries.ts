import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSourceId } from '@isthmus/model';
import type { RegistrySource } from '@isthmus/registry';
import { realHarness as consulHarness } from '@isthmus/registry-consul/testing';
import { realHarness as eurekaHarness } from '@isthmus/registry-eureka/testing';
import { realHarness as kubernetesHarness } from '@isthmus/registry-kubernetes/testing';
import { openMcp } from '@isthmus/registry-mcp/testing';
import { realHarness as nacosHarness } from '@isthmus/registry-nacos/testing';
import { realHarness as zookeeperHarness } from '@isthmus/registry-zookeeper/testing';
import type { RegistryHarness, TestInstance } from '@isthmus/registry/testing';
import { startConsul, startEureka, startKubernetes, startNacos2, startNacos3, startZookeeper } from '@isthmus/servers';
import { BridgeProcess } from './bridge.ts';

/** One way to read a registry: as a source of this process, and as a bridge's config has it, without the name. */
export interface Reader {
  readonly name: string;
  open(): RegistrySource;
  readonly registry: Readonly<Record<string, unknown>>;
}

/** A real server that tests can take away, and all that reads it. */
export interface AwayRegistry {
  readonly harness: Pick<RegistryHarness, 'scope' | 'register' | 'deregister' | 'down' | 'up' | 'hang' | 'resume' | 'close'>;
  readonly readers: readonly Reader[];
  /** Where an end of their connections takes instances away. */
  readonly providersReconnect?: () => Promise<void>;
}

/** Of every kind of registry that runs as a server, with the names of their variables for passwords as their contracts set them. */
export const AWAY_REGISTRIES: Readonly<Record<string, () => Promise<AwayRegistry>>> = {
  'Nacos 2': async () => {
    // Without passwords the HTTP adapter also listens to npm `nacos`.
    const harness = await nacosHarness(startNacos2, { auth: false });
    const registry = { kind: 'nacos', servers: [http(harness)], listInterval: '1s', restartGrace: '30s' };
    const reader = (name: string, api: 'grpc' | 'http'): Reader => ({
      name,
      open: () => harness.openOver(api),
      registry: { ...registry, api },
    });
    return {
      harness,
      providersReconnect: harness.providersReconnect,
      readers: [reader('nacos2-grpc', 'grpc'), reader('nacos2-http', 'http')],
    };
  },
  'Nacos 3': async () => {
    const harness = await nacosHarness(startNacos3);
    const auth = { username: 'reader', passwordEnv: 'ISTHMUS_TEST_RIGHT' };
    const registry = { kind: 'nacos', servers: [http(harness)], listInterval: '1s', restartGrace: '30s', auth };
    return {
      harness,
      providersReconnect: harness.providersReconnect,
      readers: [{ name: 'nacos3', open: () => harness.open(), registry }],
    };
  },
  Consul: async () => {
    const harness = await consulHarness(startConsul);
    const auth = { tokenEnv: 'CONSUL_TEST_RIGHT' };
    const registry = { kind: 'consul', servers: [http(harness)], requestTimeout: '1s', restartGrace: '5s', auth };
    return { harness, readers: [{ name: 'consul', open: () => harness.open(), registry }] };
  },
  Eureka: async () => {
    const harness = await eurekaHarness(startEureka);
    process.env['ISTHMUS_TEST_EUREKA_AWAY'] = 'right-password';
    const auth = { username: 'lab', passwordEnv: 'ISTHMUS_TEST_EUREKA_AWAY' };
    const registry = { kind: 'eureka', servers: [harness.url], pollInterval: '200ms', restartGrace: '4s', auth };
    return { harness, readers: [{ name: 'eureka', open: () => harness.open(), registry }] };
  },
  ZooKeeper: async () => {
    const harness = await zookeeperHarness(startZookeeper, 'application');
    const auth = { username: 'reader', passwordEnv: 'ISTHMUS_TEST_RIGHT' };
    const servers = [`127.0.0.1:${harness.faults.ports?.[0]}`];
    const registry = { kind: 'zookeeper', servers, sessionTimeout: '3s', restartGrace: '8s', auth };
    return { harness, readers: [{ name: 'zookeeper', open: () => harness.open(), registry }] };
  },
  'Kubernetes API server': async () => {
    const harness = await kubernetesHarness(startKubernetes);
    const registry = { kind: 'kubernetes', kubeconfig: harness.kubeconfig, namespaces: ['shop'], heartbeat: '500ms' };
    return { harness, readers: [{ name: 'kubernetes', open: () => harness.open(), registry }] };
  },
  'another bridge, over MCP': async () => {
    const harness = await bridgeHarness();
    const registry = { kind: 'mcp', servers: [harness.address], timeout: '1s', keepalive: '1s' };
    return { harness, readers: [{ name: 'mcp', open: () => openMcp([harness.address]), registry }] };
  },
};

function http({ faults }: { readonly faults: { readonly ports?: readonly [number, ...number[]] } }): string {
  return `http://127.0.0.1:${faults.ports?.[0]}`;
}

/** A bridge in a process of its own, whose registry is a file. */
async function bridgeHarness(): Promise<AwayRegistry['harness'] & { readonly address: string }> {
  const bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }]);
  const services = new Map<string, readonly TestInstance[]>();
  const write = () => {
    const list = [...services].map(([name, endpoints]) => ({ host: `${name}.mesh`, endpoints }));
    return writeFile(join(bridge.directory, 'services.yaml'), JSON.stringify({ services: list }));
  };
  const others = (name: string, address: string, port: number) =>
    (services.get(name) ?? []).filter((one) => one.address !== address || one.port !== port);
  try {
    await write();
    await bridge.run();
  } catch (error) {
    await bridge.close();
    throw error;
  }
  return {
    address: `127.0.0.1:${bridge.ports.mcp}`,
    scope: { source: parseSourceId('other'), namespace: '', group: '' },
    register: async (name, instance) => {
      services.set(name, [...others(name, instance.address, instance.port), instance]);
      await write();
    },
    deregister: async (name, address, port) => {
      const left = others(name, address, port);
      if (left.length > 0) services.set(name, left);
      else services.delete(name);
      await write();
    },
    down: async () => void (await bridge.end('SIGKILL')),
    up: () => bridge.run(),
    hang: async () => bridge.signal('SIGSTOP'),
    resume: async () => bridge.signal('SIGCONT'),
    close: () => bridge.close(),
  };
}
