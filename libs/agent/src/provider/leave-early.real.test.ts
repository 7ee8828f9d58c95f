import Consul from 'consul';
import { until } from '@isthmus/model/testing';
import { expect, test } from '@jest/globals';
import { startConsul } from '@isthmus/servers';
import { consulRegistration } from '../registries/consul.ts';
import { HoldingProxy } from '../registries/testing/holding-proxy.ts';
import { Provider } from './provider.ts';

test('a process that is told to end while Consul has not answered its registration is not listed afterwards', async () => {
  const consul = await startConsul();
  const proxy = await HoldingProxy.start(consul.ports.http);
  try {
    const client = new Consul({ host: '127.0.0.1', port: proxy.port });
    const options = { name: 'orders', id: 'orders-1', address: '10.0.0.7', port: 8080 };
    const provider = new Provider({ registrations: [consulRegistration(client, options)], propagationMs: 0 });
    proxy.treat = (_, path) => (path.endsWith('/register') ? 'hold' : 'pass');
    const registered = provider.register();
    await until('Consul is asked', () => proxy.held === 1);
    const left = provider.shutdown();
    // Where it deregisters now, it has done so by the time of another call.
    await fetch(`http://127.0.0.1:${proxy.port}/v1/agent/services`);
    await fetch(`http://127.0.0.1:${proxy.port}/v1/agent/services`);
    proxy.release();
    await registered;
    expect((await left).steps.filter(({ error }) => error !== undefined)).toEqual([]);
    const services = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/agent/services`);
    expect(await services.json()).toEqual({});
  } finally {
    await proxy.stop();
    await consul.stop();
  }
}, 240_000);
