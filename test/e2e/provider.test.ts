import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { borrowEureka, borrowNacos2, startConsul } from '@isthmus/servers';
import type { EnvoyServer, Server } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { LoadCaller } from './support/load-caller.ts';
import { ProviderProcess } from './support/provider-process.ts';
import { SdkCaller } from './support/sdk-caller.ts';

const HOSTS = { nacos: 'orders.default-group.public.nacos', consul: 'orders.dc1.consul', eureka: 'orders.eureka' } as const;
type Kind = keyof typeof HOSTS;

describe('a service that registers itself by its SDK, unchanged, with the agent before it', () => {
  const registries: Partial<Record<Kind, Pick<Server, 'ports' | typeof Symbol.asyncDispose>>> = {};
  const running: { stop(): Promise<void> }[] = [];
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let directory: string;

  const portOf = (kind: Kind): number => registries[kind]?.ports['http'] ?? 0;
  const start = async (kind: Kind): Promise<ProviderProcess> => {
    const env = { ISTHMUS_PLAN_FILE: join(directory, 'plan.json'), ISTHMUS_SHUTDOWN_ON: 'SIGTERM' };
    const provider = await ProviderProcess.start(kind, portOf(kind), 'orders', env);
    running.push(provider);
    return provider;
  };
  const inEnvoy = async (kind: Kind): Promise<readonly string[]> => hostsOf(envoy, `outbound|80||${HOSTS[kind]}`);

  beforeAll(async () => {
    const [nacos, consul, eureka] = await Promise.all([borrowNacos2(), startConsul(), borrowEureka()]);
    Object.assign(registries, { nacos, consul, eureka });
    directory = await mkdtemp(join(tmpdir(), 'isthmus-provider-'));
    await writeFile(join(directory, 'plan.json'), JSON.stringify({ schema: 1, version: '1', targets: [] }));
    bridge = await BridgeProcess.start([
      { name: 'n', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] },
      { name: 'c', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
      { name: 'e', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '1s' },
    ]);
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
  }, 300_000);

  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
    await envoy?.stop();
    await bridge?.close();
    await Promise.all(Object.values(registries).map((server) => server[Symbol.asyncDispose]()));
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test.each(['nacos', 'consul', 'eureka'] as const)(
    '%s: is told to end under the load of callers by SDK and by the mesh, and not one call fails',
    async (kind) => {
      const [stays, goes] = [await start(kind), await start(kind)];
      const places = [stays, goes].map(({ port }) => `127.0.0.1:${port}`).sort();
      await until('both are in Envoy', async () => String(await inEnvoy(kind)) === String(places));
      const bySdk = SdkCaller.start(kind, portOf(kind), 'orders');
      running.push(bySdk);
      await until('the SDK knows both', async () => String((await bySdk.report()).known) === String(places));
      const byMesh = new LoadCaller([{ port: envoy.ports.egress, host: HOSTS[kind] }], 50);
      let calls = 0;
      let failures: readonly string[] = [];
      const bodies = new Set<string>();
      const look = async (): Promise<void> => {
        const report = await bySdk.report();
        calls += report.calls;
        failures = [...failures, ...report.failures];
        for (const body of Object.keys(report.bodies)) bodies.add(body.split(' ')[1] ?? '');
      };
      try {
        await until('both are called', async () => {
          await look();
          return calls >= 50 && byMesh.calls >= 50 && bodies.size === 2;
        });
        expect([goes.log, await goes.terminate()]).toEqual([goes.log, 'SIGTERM']);
        expect(await inEnvoy(kind)).toEqual([`127.0.0.1:${stays.port}`]);
        const [sdkBefore, meshBefore] = [calls, byMesh.calls];
        await until('calls go on', async () => {
          await look();
          return calls >= sdkBefore + 50 && byMesh.calls >= meshBefore + 50;
        });
        expect([failures, Object.fromEntries(byMesh.failures)]).toEqual([[], {}]);
      } finally {
        await byMesh.stop();
        await bySdk.stop();
        await stays.stop();
      }
    },
    180_000,
  );
});
