import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, ServiceView, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startDubboProvider, startZookeeper } from '@isthmus/servers';
import type { DubboProvider, EnvoyServer, ZookeeperServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const MAPPED = 'isthmus.greeter.zookeeper';

/** One Dubbo 2 style provider over TCP, one Dubbo 3 application over Triple (gRPC), one bridge, one Envoy. */
describe('real Dubbo providers on a real ZooKeeper reach Envoy', () => {
  let zookeeper: ZookeeperServer;
  let old: DubboProvider;
  let modern: DubboProvider;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;

  beforeAll(async () => {
    zookeeper = await startZookeeper();
    const server = `127.0.0.1:${zookeeper.ports.client}`;
    const registry = `zookeeper://${server}`;
    [old, modern] = await Promise.all([
      startDubboProvider({ registry, registerMode: 'interface', application: 'old', version: '1.0.0', group: 'g1' }),
      startDubboProvider({ registry, registerMode: 'instance', application: 'modern', protocol: 'tri', address: '10.8.8.9' }),
    ]);
    bridge = await BridgeProcess.start([{ name: 'dubbo', kind: 'zookeeper', servers: [server], sessionTimeout: '4s' }]);
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
  }, 300_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    await Promise.all([old?.stop(), modern?.stop()]);
    await zookeeper?.stop();
  }, 60_000);

  test('by interface as a TCP cluster, by application and by mapped interface as gRPC clusters', async () => {
    const { items } = await bridge.get<ItemList<ServiceView>>('services');
    expect(items.map((s) => s.host).sort()).toEqual([
      MAPPED,
      'modern.services.zookeeper',
      'providers-isthmus.greeter-0.0.0.zookeeper',
      'providers-isthmus.greeter-1.0.0-g1.zookeeper',
    ]);
    const expected = {
      'outbound|9000||providers-isthmus.greeter-1.0.0-g1.zookeeper': `10.8.8.8:${old.ports.service}`,
      'outbound|80||modern.services.zookeeper': `10.8.8.9:${modern.ports.service}`,
      'outbound|80||providers-isthmus.greeter-0.0.0.zookeeper': `10.8.8.9:${modern.ports.service}`,
      [`outbound|80||${MAPPED}`]: `10.8.8.9:${modern.ports.service}`,
    };
    for (const [cluster, address] of Object.entries(expected)) {
      await until(`${cluster} is in Envoy`, async () => (await hostsOf(envoy, cluster)).join() === address);
    }
  }, 60_000);

  test('and leave it when they are killed, while ZooKeeper’s own end takes nothing away', async () => {
    await modern.kill();
    await until('it is gone', async () => (await hostsOf(envoy, 'outbound|80||modern.services.zookeeper')).length === 0);
    await zookeeper.kill();
    await until('the source is stale', async () => {
      const { items } = await bridge.get<ItemList<SourceView>>('sources');
      return items.length === 1 && items[0]?.state === 'stale';
    });
    const hosts = await hostsOf(envoy, 'outbound|9000||providers-isthmus.greeter-1.0.0-g1.zookeeper');
    expect(hosts).toEqual([`10.8.8.8:${old.ports.service}`]);
  }, 60_000);
});
