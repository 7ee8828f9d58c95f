// A legacy service's client in a thread of its own: npm `nacos` goes on polling after its `close()`, a thread does not.
import { parentPort, workerData } from 'node:worker_threads';
import Consul from 'consul';
import { Eureka } from 'eureka-js-client';
import { NacosNamingClient } from 'nacos';
import { monotonic } from './monotonic.ts';
import type { SdkNews, SdkSetup } from './sdk-client.ts';

const { registry, port, services } = workerData as SdkSetup;
const quiet = () => undefined;
const logger = { debug: quiet, trace: quiet, info: quiet, warn: quiet, error: quiet, log: quiet };
const said = new Map<number, string>();
const say = (service: number, instances: readonly string[]) => {
  const text = instances.join();
  if (said.get(service) === text) return;
  said.set(service, text);
  parentPort?.postMessage({ at: monotonic(), service, instances } satisfies SdkNews);
};

switch (registry) {
  case 'nacos':
    await nacos();
    break;
  case 'consul':
    consul();
    break;
  case 'eureka':
    eureka();
    break;
  default:
    registry satisfies never;
}

async function nacos(): Promise<void> {
  const serverList = `127.0.0.1:${port}`;
  const client = new NacosNamingClient({ logger: logger as unknown as typeof console, serverList, namespace: 'public' });
  await client.ready();
  for (let n = 0; n < services; n += 1) {
    client.subscribe({ serviceName: `load-${n}`, groupName: 'DEFAULT_GROUP', clusters: 'DEFAULT' }, (hosts) =>
      say(
        n,
        hosts.map((host) => `${host.ip}:${host.port}`),
      ),
    );
  }
}

interface ConsulEntry {
  readonly Service: { readonly Address: string; readonly Port: number };
}

function consul(): void {
  const client = new Consul({ host: '127.0.0.1', port });
  for (let n = 0; n < services; n += 1) {
    // `passing` is a boolean in the client's own types and a string in those of its watch.
    const options = { service: `load-${n}`, passing: true } as unknown as Record<string, string>;
    const watch = client.watch({ method: client.health.service, options });
    watch.on('error', quiet);
    watch.on('change', (entries: readonly ConsulEntry[]) =>
      say(
        n,
        entries.map(({ Service }) => `${Service.Address}:${Service.Port}`),
      ),
    );
  }
}

function eureka(): void {
  const client = new Eureka({
    instance: {
      app: 'BENCH', // asked for although it registers nothing
      hostName: '127.0.0.1',
      ipAddr: '127.0.0.1',
      vipAddress: 'bench',
      port: { $: 1, '@enabled': true },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    },
    eureka: { host: '127.0.0.1', port, servicePath: '/eureka/apps/', registerWithEureka: false, fetchRegistry: true },
    logger,
  });
  client.start();
  const look = () => {
    for (let n = 0; n < services; n += 1) {
      const instances = client.getInstancesByAppId(`load-${n}`);
      say(
        n,
        instances.map((instance) => `${instance.ipAddr}:${(instance.port as { readonly $: number }).$}`),
      );
    }
  };
  setInterval(look, 5); // its types have no event for a new registry
}
