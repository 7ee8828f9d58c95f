import { startConsul, startEureka, startNacos2 } from '@isthmus/servers';
import { ConsulLoad, loadInstance } from '@isthmus/registry-consul/testing';
import { EurekaLoad } from '@isthmus/registry-eureka/testing';
import { loadNacos } from '@isthmus/registry-nacos/testing';
import { yieldCpus } from './cpu-share.ts';

export type RegistryName = 'nacos' | 'consul' | 'eureka';

/** A real registry with a load in it. */
export interface BenchRegistry {
  readonly name: RegistryName;
  /** HTTP, for SDK clients. */
  readonly port: number;
  readonly pid: number;
  /** Its entry in the bridge's config: the defaults, but for what is said in the results. */
  readonly entry: object;
  /** What proxies call service number n, and its cluster. */
  host(service: number): string;
  cluster(service: number): string;
  /** `ip:port` of an instance. */
  address(service: number, instance: number): string;
  /** A change of one instance's weight (in Eureka: of the metadata that stands for it), never the same twice in a row. */
  change(service: number, instance: number): Promise<void>;
  deregister(service: number, instance: number): Promise<void>;
  /** What the registry itself lists for service number n now: `ip:port weight`, sorted. */
  list(service: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export interface LoadSize {
  readonly services: number;
  readonly instances: number;
  /** Of Nacos and Eureka; Consul takes what it needs. */
  readonly heapMb: number;
}

/** Once the load is in, the registry yields the CPUs to the bridge and its clients: ./cpu-share.ts. */
export async function startRegistry(name: RegistryName, size: LoadSize): Promise<BenchRegistry> {
  const registry = await start(name, size);
  yieldCpus(registry.pid);
  return registry;
}

function start(name: RegistryName, size: LoadSize): Promise<BenchRegistry> {
  switch (name) {
    case 'nacos':
      return nacos(size);
    case 'consul':
      return consul(size);
    case 'eureka':
      return eureka(size);
    default:
      return name satisfies never;
  }
}

/** 2, 3, 4, … in turn, so that a change never says what was so before. */
function weights(): () => number {
  let n = 0;
  return () => 2 + (n++ % 4_999);
}

async function nacos({ services, instances, heapMb }: LoadSize): Promise<BenchRegistry> {
  const server = await startNacos2({ heapMb });
  const load = await loadNacos({ address: `127.0.0.1:${server.ports.grpc}`, services, instances }).catch(
    async (error: unknown) => {
      await server.stop();
      throw error;
    },
  );
  const nextWeight = weights();
  const host = (service: number) => `load-${service}.default-group.public.nacos`;
  return {
    name: 'nacos',
    port: server.ports.http,
    pid: server.pid ?? 0,
    entry: { name: 'nacos', kind: 'nacos', servers: [`http://127.0.0.1:${server.ports.http}`] },
    host,
    cluster: (service) => `outbound|80||${host(service)}`,
    address: (service, instance) => {
      const { ip, port } = load.addressOf(service, instance);
      return `${ip}:${port}`;
    },
    change: (service, instance) => load.change(service, instance, { weight: nextWeight() }),
    deregister: (service, instance) => load.remove(service, instance),
    list: async (service) => {
      const url = `http://127.0.0.1:${server.ports.http}/nacos/v1/ns/instance/list?serviceName=load-${service}`;
      const { hosts } = (await json(url)) as { hosts: readonly { ip: string; port: number; weight: number }[] };
      return hosts.map(({ ip, port, weight }) => `${ip}:${port} ${weight}`).sort();
    },
    stop: async () => {
      load.close();
      await server.stop();
    },
  };
}

async function consul({ services, instances }: LoadSize): Promise<BenchRegistry> {
  const server = await startConsul();
  const url = `http://127.0.0.1:${server.ports.http}`;
  const load = new ConsulLoad({ url });
  const stop = async () => {
    load.close();
    await server.stop();
  };
  await load.register('load', services, instances).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const nextWeight = weights();
  const host = (service: number) => `load-${service}.dc1.consul`;
  const instanceOf = (service: number, instance: number) => loadInstance('load', service, instance);
  return {
    name: 'consul',
    port: server.ports.http,
    pid: server.pid ?? 0,
    entry: { name: 'consul', kind: 'consul', servers: [url] },
    host,
    cluster: (service) => `outbound|80||${host(service)}`,
    address: (service, instance) => {
      const { address, port } = instanceOf(service, instance);
      return `${address}:${port}`;
    },
    change: (service, instance) => load.put({ ...instanceOf(service, instance), weight: nextWeight() }),
    deregister: (service, instance) => load.delete(instanceOf(service, instance).id),
    list: async (service) => {
      const entries = (await json(`${url}/v1/health/service/load-${service}?passing`)) as readonly {
        Service: { Address: string; Port: number; Weights: { Passing: number } };
      }[];
      return entries.map(({ Service: { Address, Port, Weights } }) => `${Address}:${Port} ${Weights.Passing}`).sort();
    },
    stop,
  };
}

async function eureka({ services, instances, heapMb }: LoadSize): Promise<BenchRegistry> {
  // Its deltas hold three minutes of changes by default, and an answer that was made stays in its cache for three: all that was
  // registered here would be in each delta for so long, and every poll would read it again (20 % of a core was seen at rest).
  const properties = {
    'eureka.server.responseCacheAutoExpirationInSeconds': '10',
    'eureka.server.retentionTimeInMSInDeltaQueue': '10000',
    'eureka.server.deltaRetentionTimerIntervalInMs': '2000',
  };
  const server = await startEureka({ heapMb, properties });
  const url = `http://127.0.0.1:${server.ports.http}/eureka`;
  const load = new EurekaLoad({ url, services, instances });
  const stop = async () => {
    load.close();
    await server.stop();
  };
  await load.registerAll().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const nextWeight = weights();
  const host = (service: number) => `load-${service}.eureka`;
  return {
    name: 'eureka',
    port: server.ports.http,
    pid: server.pid ?? 0,
    entry: { name: 'eureka', kind: 'eureka', servers: [url] },
    host,
    cluster: (service) => `outbound|80||${host(service)}`,
    address: (service, instance) => {
      const { address, port } = load.place(service, instance);
      return `${address}:${port}`;
    },
    change: async (service, instance) => void (await load.change(service, instance, { weight: String(nextWeight()) })),
    deregister: (service, instance) => load.deregister(service, instance),
    list: async (service) => {
      const { application } = (await json(`${url}/apps/load-${service}`)) as {
        application: { instance: readonly { ipAddr: string; port: { $: number }; metadata: { weight?: string } }[] };
      };
      return application.instance.map(({ ipAddr, port, metadata }) => `${ipAddr}:${port.$} ${metadata.weight ?? 1}`).sort();
    },
    stop,
  };
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
