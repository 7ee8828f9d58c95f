import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { borrowNacos2, http, startDubboProvider } from '@isthmus/servers';
import type { Borrowed, DubboProvider, DubboProviderOptions, NacosPorts } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { NacosSource } from './source.ts';

const patient = 120_000;
const deadline = 40_000;
const application = 'dubbo-greeter';
const byInterface = 'providers:isthmus.Greeter:1.0.0:g1';

let nacos: Borrowed<NacosPorts>;
let view: Collector;
const providers: DubboProvider[] = [];

beforeAll(async () => {
  nacos = await borrowNacos2();
  const id = parseSourceId('shop');
  const config = nacosConfigSchema.parse({
    name: id,
    kind: 'nacos',
    servers: [`http://127.0.0.1:${nacos.ports.http}`],
    listInterval: '1s',
  });
  view = collect(new NacosSource(id, config, { clock: systemClock, random: Math.random, baseDir: '.' }));
  const scope = { source: id, namespace: 'public', group: 'DEFAULT_GROUP' };
  await view.until('live', (v) => v.status(scope)?.state === 'live', deadline);
}, patient);
afterAll(async () => {
  await view.stop();
  await nacos.giveBack();
  expect(view.violations).toEqual([]);
}, patient);
afterEach(async () => {
  await Promise.all(providers.splice(0).map((provider) => provider.stop()));
  await view.until('everything deregistered', (v) => v.services.size === 0, deadline);
}, patient);

async function provide(options: Partial<DubboProviderOptions>): Promise<DubboProvider> {
  const registry = `nacos://127.0.0.1:${nacos.ports.http}`;
  const provider = await startDubboProvider({ registry, version: '1.0.0', group: 'g1', ...options });
  providers.push(provider);
  return provider;
}
const endpoints = (name: string) => view.endpoints(name).map((e) => `${e.protocol} ${e.address}:${e.port} weight ${e.weight}`);

describe('a real Dubbo 3.3.5 provider on a real Nacos 2', () => {
  test(
    'that registers both ways is a service by interface, with Dubbo’s weight, and its application',
    async () => {
      const { ports } = await provide({ registerMode: 'all', weight: 200 });
      await view.until('both', (v) => v.has(application) && v.has(byInterface), deadline);
      expect(endpoints(byInterface)).toEqual([`tcp 10.8.8.8:${ports.service} weight 2`]);
      expect(endpoints(application)).toEqual([`tcp 10.8.8.8:${ports.service} weight 1`]);
      const hosts = [...view.services.values()].map((service) => service.host).sort();
      expect(hosts).toEqual([
        'dubbo-greeter.default-group.public.nacos',
        'providers-isthmus.greeter-1.0.0-g1.default-group.public.nacos',
      ]);
      expect([...view.services.values()].flatMap((service) => service.diagnostics)).toEqual([]);
      // What an operator sets in Nacos counts as well.
      const serviceName = encodeURIComponent(`DEFAULT_GROUP@@${byInterface}`);
      const query = `serviceName=${serviceName}&ip=10.8.8.8&port=${ports.service}&weight=0.5&ephemeral=true&clusterName=DEFAULT`;
      const before = view.endpoints(byInterface)[0]?.metadata ?? {};
      const metadata = encodeURIComponent(JSON.stringify(before));
      await http(nacos.ports.http, `/nacos/v1/ns/instance?${query}&metadata=${metadata}`, { method: 'PUT' });
      await view.until('half of it', (v) => v.endpoints(byInterface)[0]?.weight === 1, deadline);
    },
    patient,
  );

  test(
    'that speaks Triple and registers by instance is gRPC',
    async () => {
      const { ports } = await provide({ registerMode: 'instance', protocol: 'tri' });
      await view.until('there', (v) => v.has(application), deadline);
      expect(endpoints(application)).toEqual([`grpc 10.8.8.8:${ports.service} weight 1`]);
      expect(view.services.size).toBe(1);
    },
    patient,
  );
});
