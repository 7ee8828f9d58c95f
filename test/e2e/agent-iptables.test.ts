import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { AgentPlan } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { InterceptedPod } from './support/intercepted-pod.ts';
import { PodLoad } from './support/pod-load.ts';
import type { LoadedCall } from './support/pod-load.ts';

jest.setTimeout(180_000);

const FLIPS = 20;
const REGISTER = join(import.meta.dirname, '../../dist/packages/agent/agent/src/register.js');
const GROUP = '2000';

interface Exclusion {
  /** By default the port of the instances. */
  readonly rule?: readonly string[];
  /** Of the service; by default that of all others in the pod. */
  readonly group?: string;
}
/** Both as Istio has them: what these let pass is not brought to the proxy. */
const EXCLUSIONS: readonly (readonly [string, Exclusion])[] = [
  ['the ports of instances are excluded', {}],
  ['the group of the service is excluded', { rule: ['-m', 'owner', '--gid-owner', GROUP], group: GROUP }],
];

/** iptables bring every connection of the pod to its Envoy, as under Istio; the agent has an egress of its own beside that. */
describe.each(EXCLUSIONS)('a service with the agent in a pod behind iptables, where %s,', (_, { rule, group }) => {
  let pod: InterceptedPod;
  let caller: PodLoad;
  let directory: string;
  let version = 0;
  let calls: LoadedCall[] = [];

  const instance = (): string => pod.addresses[0]?.split(':')[0] ?? '';
  const byOther = async () => pod.web.http(instance(), pod.port);
  const plan = async (rung: 'sdk' | 'traffic'): Promise<void> => {
    const target = { host: pod.host, port: 80, rung, addresses: pod.addresses };
    const text: AgentPlan = { schema: 1, version: String((version += 1)), targets: [target] };
    const file = join(directory, 'plan.json');
    await writeFile(`${file}.new`, JSON.stringify(text));
    await rename(`${file}.new`, file);
  };
  const failed = (): readonly LoadedCall[] => calls.filter(({ failure }) => failure !== undefined);
  /** Waits for so many calls that went this way since. */
  const more = async (way: LoadedCall['way'], many = 20): Promise<void> => {
    let seen = 0;
    await until(
      `${many} more calls by ${way}; the agent said ${caller.log}`,
      async () => {
        const taken = await caller.take();
        calls.push(...taken);
        seen += taken.filter((call) => call.way === way && call.failure === undefined).length;
        return seen >= many;
      },
      90_000,
    );
  };
  const now = (): number => performance.timeOrigin + performance.now();

  beforeAll(async () => {
    pod = await InterceptedPod.start(1, rule);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-agent-iptables-'));
    await plan('sdk');
    const env = { ...pod.env, ISTHMUS_PLAN_FILE: join(directory, 'plan.json') };
    const args = ['call', String(pod.port), instance()];
    caller = await PodLoad.start(pod.web.pod, args, { flags: ['--require', REGISTER], env, group });
  }, 180_000);

  afterAll(async () => {
    await caller?.stop();
    await pod?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test(`its target is moved to the sidecar and back ${FLIPS} times under load, and no call fails`, async () => {
    await more('sdk');
    for (let flip = 0; flip < FLIPS; flip += 1) {
      await plan(flip % 2 === 0 ? 'traffic' : 'sdk');
      await more(flip % 2 === 0 ? 'mesh' : 'sdk');
    }
    expect(failed()).toEqual([]);
    expect(calls.length).toBeGreaterThan(20 * FLIPS);
  });

  test('its sidecar is killed: calls are the SDK’s, none fails but POSTs in flight, and they return to the next one', async () => {
    await plan('traffic');
    await more('mesh', 50);
    calls = [];
    const killed = now();
    await pod.sidecar.kill();
    const dead = now();
    await more('sdk', 100);
    expect(caller.log).toContain('sidecar-lost');
    expect(failed().filter(({ method }) => method === 'GET')).toEqual([]);
    expect(failed().filter(({ began, ended }) => began > dead || ended < killed)).toEqual([]);
    calls = [];
    await pod.sidecar.run();
    await more('mesh', 50);
    expect(failed()).toEqual([]);
  });

  test('the way past a sidecar that is dead is the exclusion: without it nobody reaches an instance, with an agent or without', async () => {
    await plan('sdk');
    await more('sdk', 50);
    expect(await byOther()).toEqual({ status: 200, body: 'orders' });
    await pod.sidecar.kill();
    await more('sdk', 50);
    if (group === undefined) {
      expect(await byOther()).toEqual({ status: 200, body: 'orders' });
      await pod.excludeNothing();
    }
    // Now of nobody's rule: by a group, it never was, because it is another.
    expect((await byOther()).status).toBe(0);
  });
});
