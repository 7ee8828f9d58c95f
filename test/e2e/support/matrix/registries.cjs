// By kind: registers an instance by a client of a registry, and looks its service up, as an application does.
'use strict';

const quiet = new Proxy(console, { get: () => () => undefined });
const nothing = () => undefined;

exports.REGISTRIES = {
  nacos: async ({ NacosNamingClient }, { server, service, port }) => {
    const client = new NacosNamingClient({ logger: quiet, serverList: server, namespace: 'public' });
    await client.ready();
    await client.registerInstance(service, { ip: '127.0.0.1', port });
    client.subscribe({ serviceName: service }, nothing);
  },
  consul: async (Consul, { id, server, service, port }, { agent }) => {
    // The module is known by its name, and the test's alias of the first major has another one.
    if (id === 'consul-1') agent.consul.observeConsul(Consul);
    const [host, at] = server.split(':');
    const client = new Consul({ host, port: Number(at) });
    await client.agent.service.register({ name: service, address: '127.0.0.1', port });
    const watch = client.watch({ method: client.health.service, options: { service } });
    watch.on('error', nothing);
    watch.on('change', nothing);
  },
  eureka: (module, { server, service, port }) => {
    const Eureka = module.Eureka || module; // its default export is the class
    const [host, at] = server.split(':');
    const client = new Eureka({
      logger: quiet,
      instance: {
        ...{ app: service, instanceId: `${service}-1`, hostName: '127.0.0.1', ipAddr: '127.0.0.1', vipAddress: service },
        port: { $: port, '@enabled': true },
        dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      },
      eureka: { host, port: Number(at), servicePath: '/eureka/apps/', registryFetchInterval: 500, maxRetries: 1 },
    });
    setInterval(() => client.getInstancesByAppId(service), 200);
    return new Promise((resolve, reject) => client.start((error) => (error ? reject(error) : resolve())));
  },
};
