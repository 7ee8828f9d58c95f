import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { takesTraffic } from '@isthmus/model';
import type { Collector } from '@isthmus/registry/testing';
import { startDubboProvider, startZookeeper } from '@isthmus/servers';
import type { DubboProvider, DubboProviderOptions, ZookeeperServer } from '@isthmus/servers';
import { openSource, stateOf } from './testing/open-source.ts';
import { ZkWriter } from './testing/writer.ts';

const patient = 90_000;
const deadline = 30_000;
const application = 'dubbo-greeter';
const mapping = 'mapping:isthmus.Greeter';
const byInterface = 'providers:isthmus.Greeter:1.0.0:g1';

let zookeeper: ZookeeperServer;
let view: Collector;
const providers: DubboProvider[] = [];

beforeAll(async () => {
  zookeeper = await startZookeeper();
  view = openSource(`127.0.0.1:${zookeeper.ports.client}`, { sessionTimeout: '4s' });
  await view.until('live', (v) => stateOf(v) === 'live', deadline);
}, patient);
afterAll(async () => {
  await view.stop();
  await zookeeper.stop();
  expect(view.violations).toEqual([]);
}, patient);
afterEach(async () => {
  await Promise.all(providers.splice(0).map((provider) => provider.stop()));
  await view.until('everything deregistered', (v) => v.services.size === 0, deadline);
}, patient);

async function provide(options: Partial<DubboProviderOptions>): Promise<DubboProvider> {
  const registry = `zookeeper://127.0.0.1:${zookeeper.ports.client}`;
  const provider = await startDubboProvider({ registry, version: '1.0.0', group: 'g1', ...options });
  providers.push(provider);
  return provider;
}
const endpoints = (name: string) => view.endpoints(name).map((e) => `${e.protocol} ${e.address}:${e.port}`);
const names = () => [...view.services.values()].map((service) => service.key.name).sort();

describe('a real Dubbo 3.3.5 provider on a real ZooKeeper', () => {
  test(
    'that registers by interface is a service with its version, group and weight',
    async () => {
      const { ports } = await provide({ registerMode: 'interface', weight: 50 });
      await view.until('there', (v) => v.has(byInterface), deadline);
      expect(names()).toEqual([byInterface]);
      expect(endpoints(byInterface)).toEqual([`tcp 10.8.8.8:${ports.service}`]);
      expect(view.endpoints(byInterface)[0]).toMatchObject({ weight: 0.5, health: 'healthy', locality: { zone: 'az-1' } });
      expect([...view.services.values()].flatMap((s) => s.diagnostics)).toEqual([]);
    },
    patient,
  );

  test(
    'that registers by instance is its application, and its interface by mapping and metadata',
    async () => {
      const { ports } = await provide({ registerMode: 'instance', protocol: 'tri' });
      await view.until('all three', () => names().length === 3, deadline);
      expect(names()).toEqual([application, mapping, byInterface]); // version and group come from the metadata center
      for (const name of names()) expect(endpoints(name)).toEqual([`grpc 10.8.8.8:${ports.service}`]);
    },
    patient,
  );

  test(
    'that registers both ways is one endpoint on each of its hosts',
    async () => {
      const { ports } = await provide({ registerMode: 'all' });
      await view.until('all three', () => names().length === 3, deadline);
      expect([...view.services.values()].map((s) => s.host).sort()).toEqual([
        'dubbo-greeter.services.zookeeper',
        'isthmus.greeter.zookeeper',
        'providers-isthmus.greeter-1.0.0-g1.zookeeper',
      ]);
      for (const name of names()) expect(endpoints(name)).toEqual([`tcp 10.8.8.8:${ports.service}`]);
    },
    patient,
  );

  test(
    'that is killed goes when its session has ended, and the other one stays',
    async () => {
      const dying = await provide({ registerMode: 'all', address: '10.8.8.1' });
      const { ports } = await provide({ registerMode: 'all', address: '10.8.8.2' });
      await view.until('two of each', () => names().length === 3 && names().every((n) => endpoints(n).length === 2), deadline);
      await dying.kill();
      await view.until(
        'one of each',
        () => names().every((n) => endpoints(n).join() === `tcp 10.8.8.2:${ports.service}`),
        deadline,
      );
      expect(names()).toEqual([application, mapping, byInterface]);
    },
    patient,
  );

  test(
    'is given another weight and taken out by configurators as Dubbo Admin writes them',
    async () => {
      const { ports } = await provide({ registerMode: 'interface', weight: 200 });
      await view.until('weight 2', (v) => v.endpoints(byInterface)[0]?.weight === 2, deadline);
      const writer = new ZkWriter(zookeeper.ports.client);
      await writer.connect();
      const configurator = (parameters: string) =>
        `/dubbo/isthmus.Greeter/configurators/${encodeURIComponent(
          `override://10.8.8.8:${ports.service}/isthmus.Greeter?category=configurators&dynamic=false&enabled=true&version=1.0.0&group=g1&${parameters}`,
        )}`;
      try {
        await writer.set(configurator('weight=25'));
        await view.until('weight 0.25', (v) => v.endpoints(byInterface)[0]?.weight === 0.25, deadline);
        await writer.set(configurator('disabled=true'));
        await view.until('no traffic', (v) => v.endpoints(byInterface).every((e) => !takesTraffic(e)), deadline);
        for (const parameters of ['weight=25', 'disabled=true']) await writer.remove(configurator(parameters));
        await view.until(
          'as registered',
          (v) => v.endpoints(byInterface).some((e) => takesTraffic(e) && e.weight === 2),
          deadline,
        );
      } finally {
        writer.close();
      }
    },
    patient,
  );
});
