import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, PlanAuditView, PlanDetail } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2, freePorts, startConsul, startEureka } from '@isthmus/servers';
import type { EnvoyServer, Server } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { LoadCaller } from './support/load-caller.ts';
import { ProviderProcess } from './support/provider-process.ts';
import { SdkCaller } from './support/sdk-caller.ts';

const KINDS = ['nacos', 'consul', 'eureka'] as const;
type Kind = (typeof KINDS)[number];

const serviceOf = (kind: Kind): string => `${kind}-orders`;
const hostOf = (kind: Kind): string => `${serviceOf(kind)}.shop.mesh`;
const planOf = (kind: Kind): string => `
apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: ${kind} }
spec:
  target: ${hostOf(kind)}
  consumers: [${kind}-web]
  acceptLossy: true
  steps: [{ rung: resilience }, { rung: retired, quiet: 2s }]
`;

describe('a service that is registered by its SDK and known to the mesh from elsewhere, too', () => {
  const registries: Partial<Record<Kind, Pick<Server, 'ports' | typeof Symbol.asyncDispose>>> = {};
  const running: { stop(): Promise<void> }[] = [];
  const places = new Map<Kind, readonly string[]>();
  let bridge: BridgeProcess;

  const portOf = (kind: Kind): number => registries[kind]?.ports['http'] ?? 0;
  const agentOf = (service: string): Record<string, string> => ({
    ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
    ISTHMUS_SERVICE: service,
  });
  const detail = (kind: Kind): Promise<PlanDetail> => bridge.get<PlanDetail>(`plans/${kind}`);
  const steer = async (path: string, body?: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await bridge.adminToken()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/yaml' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
  };
  /** As the registry's own API answers: instances that are in it, whatever their state. */
  const inRegistry = async (kind: Kind): Promise<number> => {
    const base = `http://127.0.0.1:${portOf(kind)}`;
    const json = async (path: string): Promise<Record<string, unknown>> => {
      const answer = await fetch(`${base}${path}`, { headers: { accept: 'application/json' } });
      return answer.status === 404 ? {} : ((await answer.json()) as Record<string, unknown>);
    };
    if (kind === 'nacos') {
      const { hosts = [] } = await json(`/nacos/v1/ns/instance/list?serviceName=${serviceOf(kind)}`);
      return (hosts as unknown[]).length;
    }
    if (kind === 'consul') return Object.values(await json(`/v1/catalog/service/${serviceOf(kind)}`)).length;
    const { application } = await json(`/eureka/apps/${serviceOf(kind)}`);
    return ((application as { instance?: readonly unknown[] } | undefined)?.instance ?? []).length;
  };

  /** What Eureka has of its instances, in the form in which a peer sends one. */
  const registrationsAtEureka = async (): Promise<readonly { readonly instance: { readonly status: string } }[]> => {
    const answer = await fetch(`http://127.0.0.1:${portOf('eureka')}/eureka/apps/${serviceOf('eureka')}`, {
      headers: { accept: 'application/json' },
    });
    const { application } = (await answer.json()) as { application: { instance: readonly { readonly status: string }[] } };
    return application.instance.map((instance) => ({ instance }));
  };
  /** As a renewal does that was still to be replicated when its instance went: Eureka has no tombstones. */
  const replicate = async (registration: object): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${portOf('eureka')}/eureka/apps/${serviceOf('eureka')}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-netflix-discovery-replication': 'true' },
      body: JSON.stringify(registration),
    });
    expect(answer.status).toBe(204);
  };

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    // Eureka takes its own URL for a peer's, because the host in it is not its name: it replicates to itself.
    const properties = { 'eureka.instance.hostname': 'another-name' };
    const [nacos, consul, eureka] = await Promise.all([borrowNacos2(), startConsul(), startEureka({ port, properties })]);
    Object.assign(registries, { nacos, consul, eureka });
    bridge = await BridgeProcess.prepare(
      [
        { name: 'n', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] },
        { name: 'c', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
        { name: 'e', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '1s' },
        { name: 'fixed', kind: 'file', path: 'services.yaml' },
      ],
      {
        agents: { open: ['*'], reportEvery: '1s' },
        merge: {
          hosts: KINDS.flatMap((kind) => [
            { services: `${kind.slice(0, 1)}/*/*/${serviceOf(kind)}`, host: hostOf(kind) },
            { services: `fixed/*/*/${hostOf(kind)}`, host: hostOf(kind) },
          ]),
        },
      },
    );
    await writeFile(join(bridge.directory, 'services.yaml'), 'services: []\n');
    await bridge.run();
    for (const kind of KINDS) {
      const own = await Promise.all([0, 1].map(() => ProviderProcess.start(kind, portOf(kind), serviceOf(kind), agentOf(serviceOf(kind))))); // prettier-ignore
      running.push(...own);
      places.set(kind, own.map(({ port }) => `127.0.0.1:${port}`).sort());
    }
    const endpoints = (kind: Kind): string =>
      (places.get(kind) ?? []).map((place) => `{ address: 127.0.0.1, port: ${place.split(':')[1] ?? ''} }`).join(', ');
    await writeFile(
      join(bridge.directory, 'services.yaml'),
      `services:\n${KINDS.map((kind) => `  - host: ${hostOf(kind)}\n    endpoints: [${endpoints(kind)}]\n`).join('')}`,
    );
  }, 300_000);

  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
    await bridge?.close();
    await Promise.all(Object.values(registries).map((server) => server[Symbol.asyncDispose]()));
  }, 60_000);

  test.each(KINDS)(
    '%s: at retired its providers deregister, also what a registry brings back by itself, and on the way back they register before its callers are at the SDK; not one call fails',
    async (kind) => {
      const own = places.get(kind) ?? [];
      const envoy: EnvoyServer<'egress'> = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', `${kind}-web`);
      running.push(envoy);
      const inMesh = (): Promise<readonly string[]> => hostsOf(envoy, `outbound|80||${hostOf(kind)}`);
      const env = { ...agentOf(`${kind}-web`), ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}` };
      const bySdk = SdkCaller.start(kind, portOf(kind), serviceOf(kind), env);
      running.push(bySdk);
      await until('the SDK knows both', async () => String((await bySdk.report()).known) === String(own));
      await until('Envoy has both', async () => String(await inMesh()) === String(own));
      const byMesh = new LoadCaller([{ port: envoy.ports.egress, host: hostOf(kind) }], 30);
      let calls = 0;
      const failures: string[] = [];
      const look = async (): Promise<void> => {
        const report = await bySdk.report();
        calls += report.calls;
        failures.push(...report.failures);
      };
      const goesOn = async (): Promise<void> => {
        const before = [calls, byMesh.calls] as const;
        await until('calls go on', async () => {
          await look();
          return calls >= before[0] + 30 && byMesh.calls >= before[1] + 30;
        });
        expect([failures, Object.fromEntries(byMesh.failures)]).toEqual([[], {}]);
      };
      const says = async (what: string): Promise<boolean> => (await detail(kind)).waitsFor.some((why) => why.includes(what));
      const reaches = async (state: PlanDetail['state']): Promise<void> => {
        let seen = await detail(kind);
        const there = async (): Promise<boolean> => (seen = await detail(kind)).state === state;
        await until(state, there, 90_000).catch((error: Error) => {
          throw new Error(`${error.message}, but ${seen.state}; it waits for ${seen.waitsFor.join('; ')}`);
        });
      };
      try {
        await steer('', planOf(kind));
        await until('what names instances is seen', () => says('calls still name instances that their SDK found'), 60_000);
        expect(await inRegistry(kind)).toBe(2);
        const registered = kind === 'eureka' ? await registrationsAtEureka() : [];
        bySdk.callBy(hostOf(kind));
        await reaches('done');
        await until('it is out, and stays out', async () => (await inRegistry(kind)) === 0);
        expect(await inMesh()).toEqual(own);
        await goesOn();
        for (const registration of registered) await replicate(registration);
        // Of the two none is left: who registered them takes them out again, as the bridge says that they are listed.
        await until('what came back by replication is taken out', async () => (await inRegistry(kind)) === 0, 60_000);
        await goesOn();
        // Beats would be back by now: nothing registers itself again.
        await bridge.end('SIGTERM');
        await goesOn();
        await bridge.run();
        await until('all agents are back', async () => (await detail(kind)).agents.connected === 1, 60_000);
        await goesOn();
        expect([await inRegistry(kind), (await detail(kind)).state]).toEqual([0, 'done']);
        await steer(`/${kind}/rollback`);
        await reaches('rolled-back');
        expect(await inRegistry(kind)).toBe(2);
        await until('the SDK knows both again', async () => String((await bySdk.report()).known) === String(own));
        bySdk.callBy(undefined);
        await goesOn();
        expect(await inMesh()).toEqual(own);
        const { items } = await bridge.get<ItemList<PlanAuditView>>(`plans/${kind}/audit`);
        expect(items.map(({ what }) => what)).toEqual([
          'back at sdk',
          'left retired: its providers are told to register, and are waited for',
          'done',
          expect.stringMatching(new RegExp(`^told its providers to deregister ${kind}/.*orders \\(2\\)$`, 'i')),
          'began step 2 of 2, retired',
          'began step 1 of 2, resilience',
        ]);
      } finally {
        await byMesh.stop();
        await bySdk.stop();
      }
    },
    300_000,
  );
});
