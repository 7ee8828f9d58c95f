import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { AgentView, ItemList } from '@isthmus/contract';
import type { Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { CountingService } from './support/counting-service.ts';
import { hostsOf, rejectedOf, startSidecar } from './support/envoy.ts';
import { RungCaller } from './support/rung-caller.ts';
import type { CallEnd } from './support/rung-caller.ts';

jest.setTimeout(180_000);

const HOST = 'orders.mesh';
const BUDGET = 3;
const RUNGS = ['shadow', 'discovery', 'traffic', 'resilience'] as const;

/** Longer than what the process gives a call, and shorter than what the mesh does. */
const SLOW = { 'x-slow': '1500' };

describe('a legacy service with a breaker of its own, and a plan in the bridge', () => {
  let orders: CountingService;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let app: RungCaller;

  const rules = (timeout: string): Promise<void> => writeFile(join(bridge.directory, 'istio.d/orders.yaml'), rulesOf(timeout));
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
  const agent = async (): Promise<AgentView | undefined> => (await bridge.get<ItemList<AgentView>>('agents')).items[0];
  const isAt = (rung: Rung): Promise<void> =>
    until(`the agent is at ${rung}; it said ${app.log}`, async () => {
      const view = await agent();
      return view?.acknowledged === true && view.targets[0]?.rung === rung;
    });
  const perCall = (ends: readonly CallEnd[]): readonly number[] => orders.of(ends.map(({ call }) => call)).map(({ length }) => length); // prettier-ignore
  const statuses = (ends: readonly CallEnd[]): readonly unknown[] => [...new Set(ends.map(({ status }) => status))];

  beforeAll(async () => {
    orders = await CountingService.start(3);
    bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], {
      istio: { dir: 'istio.d' },
      agents: { open: ['web'], reportEvery: '1s' },
    });
    await mkdir(join(bridge.directory, 'istio.d'));
    const endpoints = orders.ports.map((port) => ({ address: '127.0.0.1', port }));
    await writeFile(join(bridge.directory, 'services.yaml'), stringify({ services: [{ host: HOST, endpoints }] }));
    await rules('8s');
    await bridge.run();
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'web');
    await until('the instances are in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 3);
    app = RungCaller.legacy(orders.ports, {
      ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
      ISTHMUS_SERVICE: 'web',
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    });
    const spec = { target: HOST, consumers: ['web'], acceptLossy: true, steps: RUNGS.map((rung) => ({ rung, for: '1h' })) };
    await steer('', stringify({ apiVersion: 'isthmus.dev/v1alpha1', kind: 'Migration', metadata: { name: 'orders' }, spec }));
  }, 240_000);

  afterAll(async () => {
    await app?.stop();
    await envoy?.stop();
    await bridge?.close();
    await orders?.stop();
  }, 60_000);

  test.each(RUNGS)('climbs to %s: its calls succeed, and who repeats and gives up is whose turn it is', async (rung) => {
    if (rung !== RUNGS[0]) await steer('/orders/promote');
    await isAt(rung);
    const isHanded = rung === 'resilience';
    await until('whoever repeats knows that it is its turn', async () =>
      perCall(await app.call(3, { 'x-fail': '1' })).every((count) => count === (isHanded ? 2 : 1)),
    );
    const plain = await app.call(30);
    expect([statuses(plain), perCall(plain)]).toEqual([[200], plain.map(() => 1)]);
    const byEnvoy = orders.of(plain.map(({ call }) => call)).flat().map((attempt) => attempt.byEnvoy); // prettier-ignore
    expect([...new Set(byEnvoy)]).toEqual([rung === 'traffic' || isHanded ? 1 : 0]);
    const failing = await app.call(1, { 'x-fail': String(BUDGET - 1) });
    expect([statuses(failing), perCall(failing)]).toEqual(isHanded ? [[200], [BUDGET]] : [['503'], [1]]);
    // The mesh's eight seconds count at resilience, which is more than a busy machine takes for this, and the process waits for longer.
    const slow = await app.call(1, SLOW);
    expect([statuses(slow), perCall(slow)]).toEqual([[isHanded ? 200 : 'ETIMEDOUT'], [1]]);
    if (isHanded)
      await until('its breaker observes', async () => (await agent())?.targets[0]?.breakers[0]?.state === 'observing');
  });

  test('at resilience a shorter timeout of the mesh counts as soon as its rule says so', async () => {
    await rules('1s');
    await until('the mesh gives up', async () => statuses(await app.call(1, SLOW)).includes('ETIMEDOUT'));
    await rules('8s');
    await until('it waits again', async () => statuses(await app.call(1, SLOW)).includes(200));
  });

  test('comes back with a breaker that knows what happened: what would have opened is open, and closes as it ever did', async () => {
    let failing: readonly CallEnd[] = [];
    // A busy sidecar that did not answer two looks is left for a moment; then the process breaks again, and rightly turns calls away.
    await until(
      () => `the sidecar is left at no time; it ended with ${String(statuses(failing))}, and the agent said ${app.log}`,
      async () => {
        await isAt('resilience');
        failing = await app.call(250, { 'x-fail': '1000' });
        return !statuses(failing).includes('EOPENBREAKER');
      },
      120_000,
    );
    expect(statuses(failing)).toEqual(['503']);
    // The breaker observed: it let each of them through, and the mesh tried each three times.
    expect([Math.min(...perCall(failing)), Math.max(...perCall(failing))]).toEqual([BUDGET, BUDGET]);
    await steer('/orders/rollback');
    await isAt('sdk');
    const first = await app.call(5);
    expect([statuses(first), perCall(first)]).toEqual([['EOPENBREAKER'], [0, 0, 0, 0, 0]]);
    let after: readonly CallEnd[] = [];
    await until('it lets a call through', async () => statuses((after = await app.call(1)))[0] === 200, 60_000);
    expect(perCall(after)).toEqual([1]);
    const plain = await app.call(10);
    expect([statuses(plain), perCall(plain)]).toEqual([[200], plain.map(() => 1)]);
    expect(await rejectedOf(envoy)).toEqual({});
  });
});

const rulesOf = (timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders }
spec:
  hosts: [${HOST}]
  exportTo: ['*']
  http:
    - timeout: ${timeout}
      retries: { attempts: ${BUDGET - 1}, retryOn: 5xx, backoff: 1ms }
      route: [{ destination: { host: ${HOST} } }]
`;
