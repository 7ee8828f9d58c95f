import Consul from 'consul';
import { until } from '@isthmus/model/testing';
import { expect, test } from '@jest/globals';
import { startConsul } from '@isthmus/servers';
import { consulRegistration, observeConsul } from '../registries/consul.ts';
import { HoldingProxy } from '../registries/testing/holding-proxy.ts';
import { createProvider } from './process-provider.ts';
import { Provider } from './provider.ts';

test.each([
  ['the provider', false],
  ['the application by its own client', true],
])(
  'a process that ends before Consul has answered its registration, by %s, is not listed afterwards',
  async (_, isOwn) => {
    const consul = await startConsul();
    const proxy = await HoldingProxy.start(consul.ports.http);
    try {
      const client = new Consul({ host: '127.0.0.1', port: proxy.port });
      const options = { name: 'orders', id: 'orders-1', address: '10.0.0.7', port: 8080 };
      const provider = isOwn
        ? createProvider({ propagationMs: 0 })
        : new Provider({ registrations: [consulRegistration(client, options)], propagationMs: 0 });
      if (isOwn) observeConsul(client);
      proxy.treat = (_method, path) => (path.endsWith('/register') ? 'hold' : 'pass');
      const registered = isOwn ? client.agent.service.register(options) : provider.register();
      await until('Consul is asked', () => proxy.held === 1);
      const left = provider.shutdown();
      // Where it deregisters now, it has done so by the time of another call.
      for (const path of ['agent/services', 'agent/self']) await fetch(`http://127.0.0.1:${proxy.port}/v1/${path}`);
      proxy.release();
      await registered;
      expect((await left).steps.filter(({ error }) => error !== undefined)).toEqual([]);
      const services = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/agent/services`);
      expect(await services.json()).toEqual({});
    } finally {
      await proxy.stop();
      await consul.stop();
    }
  },
  240_000,
);
