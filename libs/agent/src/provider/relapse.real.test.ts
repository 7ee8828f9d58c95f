import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts, startEureka } from '@isthmus/servers';
import type { EurekaServer } from '@isthmus/servers';
import { Eureka } from 'eureka-js-client';
import type { EurekaClient } from '../registries/eureka-client.ts';
import { EurekaRegistration, UnderWay } from '../registries/eureka-registration.ts';
import { RegistrationBook } from './registration-book.ts';
import { Withdrawals } from './withdrawals.ts';

const quiet = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

describe('an instance that a plan has retired, at a real Eureka that replicates to itself', () => {
  let server: EurekaServer;
  let client: Eureka | undefined;

  const instance = (): string => `http://127.0.0.1:${server.ports.http}/eureka/apps/ORDERS/orders-1`;
  const isThere = async (): Promise<boolean> => (await fetch(instance())).status === 200;

  beforeAll(async () => {
    const [port] = (await freePorts(1)) as [number];
    // It takes its own URL for a peer's, because the host in it is not its name.
    server = await startEureka({ port, properties: { 'eureka.instance.hostname': 'another-name' } });
  }, 240_000);
  afterAll(async () => {
    client?.stop();
    await server?.stop();
  }, 60_000);

  test('is back by a renewal that was still to be replicated, and is taken out again when the control plane says that it is listed', async () => {
    const made = new Eureka({
      instance: {
        app: 'ORDERS',
        instanceId: 'orders-1',
        hostName: '127.0.0.1',
        ipAddr: '127.0.0.1',
        port: { $: 1, '@enabled': true },
        vipAddress: 'orders',
        dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' as const },
      },
      eureka: { host: '127.0.0.1', port: server.ports.http, servicePath: '/eureka/apps/', fetchRegistry: false },
      logger: quiet,
    } as unknown as ConstructorParameters<typeof Eureka>[0]);
    client = made;
    await new Promise<void>((resolve, reject) => {
      made.start((error: Error | undefined) => (error ? reject(error) : resolve()));
    });
    const book = new RegistrationBook();
    const registration = new EurekaRegistration(made as unknown as EurekaClient, new UnderWay());
    book.add(registration);
    const timers = new Set<NodeJS.Timeout>();
    const withdrawals = new Withdrawals({
      book,
      withdrawn: new Map(),
      mayRegister: () => true,
      setTimer: (ms, run) => {
        const timer = setTimeout(run, ms);
        timers.add(timer);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      changed: () => undefined,
      done: () => undefined,
    });
    const isOut = (): boolean => withdrawals.states().some(({ state }) => state === 'withdrawn');
    try {
      const known: unknown = await (await fetch(instance(), { headers: { accept: 'application/json' } })).json();
      // A renewal waits up to 500 ms to be replicated; one that is on its way when the instance goes brings it back.
      expect((await fetch(instance(), { method: 'PUT' })).status).toBe(200);
      withdrawals.follow([registration.sdkName]);
      await until('it is out', isOut, 30_000);
      const isBack = await until('it is back', isThere, 5_000).then(
        () => true,
        () => false,
      );
      // On a machine that is busy enough the renewal was replicated before; what the server would have sent itself after it is this.
      if (!isBack)
        await fetch(`http://127.0.0.1:${server.ports.http}/eureka/apps/ORDERS`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-netflix-discovery-replication': 'true' },
          body: JSON.stringify(known),
        });
      expect([await isThere(), isOut()]).toEqual([true, true]);
      withdrawals.follow([registration.sdkName], [registration.sdkName]);
      await until('it is gone', async () => !(await isThere()), 60_000);
      withdrawals.follow([registration.sdkName]);
      expect(withdrawals.states()).toEqual([{ sdkName: registration.sdkName, state: 'withdrawn' }]);
    } finally {
      withdrawals.close();
      for (const timer of timers) clearTimeout(timer);
    }
  }, 180_000);
});
