import type { ProxyList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { EnvoyServer } from '@isthmus/servers';
import { HEALTH_INFORMATION, CDS } from '@isthmus/xds';
import { sotwClient } from '@isthmus/xds/testing';
import { Backend } from './support/backend.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, rejectedOf, startSidecar, statOf, sumOfStats } from './support/envoy.ts';
import { GROUP_HOST, groupRules, startGroupWorkload } from './support/group-workload.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

const CLUSTER = `outbound|80||${GROUP_HOST}`;
const [FIRST, SECOND] = ['127.0.7.31', '127.0.7.32'] as const;

let bridge: RulesBridge;
let caller: EnvoyServer<'egress'>;
let workload: EnvoyServer | undefined;
let first: Backend;
let second: Backend;

const startWorkload = (): Promise<EnvoyServer> => startGroupWorkload(FIRST, bridge.xds);
const hosts = (): Promise<readonly string[]> => hostsOf(caller, CLUSTER);
const hostOf = ({ address, port }: Backend): string => `${address}:${port}`;
const call = async (): Promise<string> => {
  const { status, body } = await callEgress(caller.ports.egress, GROUP_HOST);
  return `${status} ${body}`;
};

beforeAll(async () => {
  first = await Backend.start('first', FIRST);
  second = await Backend.start('second', SECOND, first.port);
  bridge = await RulesBridge.start({ 'rules.yaml': groupRules(first.port) }, { workloadGrace: '1s' });
  caller = await startSidecar(bridge.xds, 'DELTA_GRPC');
}, 180_000);

afterAll(async () => {
  await workload?.stop();
  await caller?.stop();
  await bridge?.close();
  await Promise.all([first?.stop(), second?.stop()]);
}, 60_000);

test('an Envoy that connects with a WorkloadGroup is called by another, and no more when it has gone', async () => {
  expect(await hosts()).toEqual([]);
  workload = await startWorkload();
  await until('it is called', async () => (await call()) === '200 first');
  expect(await hosts()).toEqual([hostOf(first)]);
  const { items } = await bridge.bridge.get<ProxyList>('proxies');
  expect(items.flatMap((proxy) => proxy.workload ?? [])).toEqual([{ name: `shop/vm-${FIRST}`, group: 'vm', state: 'in' }]);
  await workload.stop();
  workload = undefined;
  await until('it is gone', async () => (await hosts()).length === 0);
  expect(await call()).toMatch(/^503/);
});

test('a bridge that is killed and comes back changes nothing', async () => {
  workload = await startWorkload();
  await until('it is called', async () => (await call()) === '200 first');
  await bridge.bridge.end('SIGKILL');
  await bridge.bridge.run();
  const seen = new Set<string>();
  await until('both have come back', async () => {
    seen.add((await hosts()).join());
    const connected = await Promise.all(
      [caller, workload!].map((envoy) => statOf(envoy as EnvoyServer<'egress'>, 'control_plane.connected_state')),
    );
    return connected.every((state) => state === 1);
  });
  for (let n = 0; n < 20; n += 1) expect(await call()).toBe('200 first');
  expect([[...seen], await hosts()]).toEqual([[hostOf(first)], [hostOf(first)]]);
  expect(await sumOfStats(caller, 'orders.*membership_change$')).toBe(3); // it came, went in the test before, and came
});

test('with a probe it is called when its agent says that it is well, and not when it is not', async () => {
  const agent = sotwClient({ port: bridge.xds });
  const metadata = { AUTO_REGISTER_GROUP: 'vm', NAMESPACE: 'shop', INSTANCE_IPS: SECOND, PROXY_CONFIG: { readinessProbe: {} } };
  const node = { id: `sidecar~${SECOND}~vm-2.shop~shop.svc.cluster.local`, metadata };
  const report = (message?: string) =>
    agent.send({ typeUrl: HEALTH_INFORMATION, ...(message === undefined ? {} : { errorDetail: { code: 14, message } }) });
  try {
    agent.send({ node, typeUrl: CDS });
    await agent.next();
    expect(await hosts()).toEqual([hostOf(first)]);
    report();
    await until('it is in', async () => (await hosts()).includes(hostOf(second)));
    report('connection refused');
    await until('it is out', async () => !(await hosts()).includes(hostOf(second)));
    expect(await call()).toBe('200 first');
    report();
    await until('it is in again', async () => (await hosts()).includes(hostOf(second)));
  } finally {
    agent.close();
  }
  await until('it has gone', async () => !(await hosts()).includes(hostOf(second)));
});

test('without its group it is told, served, and not called', async () => {
  await bridge.give('rules.yaml', groupRules(first.port).replace('name: vm,', 'name: other,'));
  await until('nobody is called', async () => (await hosts()).length === 0);
  const { items } = await bridge.bridge.get<{ items: readonly { code: string; what: string }[] }>('diagnostics');
  expect(items.filter(({ code }) => code === 'workload.unregistered').map(({ what }) => what)).toEqual([
    'there is no WorkloadGroup shop/vm',
  ]);
  await bridge.give('rules.yaml', groupRules(first.port));
  await until('it is called again', async () => (await call()) === '200 first');
  expect(await rejectedOf(caller)).toEqual({});
  expect(await rejectedOf(workload!)).toEqual({});
});
