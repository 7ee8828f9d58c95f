/**
 * An unchanged service that registers itself by its SDK, as ordinary teams write them, and has no handler of any signal: what happens at
 * SIGTERM is the agent's affair, which is put before it by `--require`. Arguments: kind, registry (host:port), service. Sends `{ port }`
 * when it is registered.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Consul from 'consul';
import { Eureka } from 'eureka-js-client';
import { NacosNamingClient } from 'nacos';

const [kind = '', registry = '', service = ''] = process.argv.slice(2);
const [host = '', registryPort = ''] = registry.split(':');
const quiet = new Proxy(console, { get: () => () => undefined });

// Node's own 5 s race with a proxy that uses a connection again.
const server = createServer({ keepAliveTimeout: 0 }, (_, response) => {
  // A little work: calls are under way when it is told to end.
  setTimeout(() => response.end(String(process.pid)), 20);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

async function register(): Promise<void> {
  switch (kind) {
    case 'nacos': {
      const client = new NacosNamingClient({ logger: quiet, serverList: registry, namespace: 'public' });
      await client.ready();
      // Its types want everything that an instance has.
      await client.registerInstance(service, { ip: '127.0.0.1', port } as Parameters<typeof client.registerInstance>[1]);
      return;
    }
    case 'consul': {
      const consul = new Consul({ host, port: Number(registryPort) });
      await consul.agent.service.register({ name: service, id: `${service}-${port}`, address: '127.0.0.1', port });
      return;
    }
    case 'eureka': {
      const instance = {
        app: service.toUpperCase(),
        instanceId: `${service}-${port}`,
        hostName: '127.0.0.1',
        ipAddr: '127.0.0.1',
        port: { $: port, '@enabled': true },
        vipAddress: service,
        dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' as const },
      };
      const eureka = {
        host,
        port: Number(registryPort),
        servicePath: '/eureka/apps/',
        heartbeatInterval: 1_000,
        fetchRegistry: false,
      };
      const client = new Eureka({ instance, eureka, logger: quiet });
      await new Promise<void>((resolve, reject) => client.start((error: Error | null) => (error ? reject(error) : resolve())));
      return;
    }
    default:
      throw new Error(`${kind} is no SDK`);
  }
}

process.on('disconnect', () => process.exit(0)); // the test is over, or died
await register();
process.send?.({ port });
