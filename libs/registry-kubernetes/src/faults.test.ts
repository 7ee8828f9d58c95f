/** Failures of an API server that the fault table of all registries does not have (`fault-table.test.ts`). */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { SourceStatus } from '@isthmus/model';
import { ENDPOINT_SLICES, PODS, SERVICES } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { podName, podObject, serviceObject, sliceObject } from './testing/objects.ts';
import { openKubernetes } from './testing/scripted-harness.ts';

const SERVICE_COUNT = 12;
const SCOPE = { source: 'k8s' as never, namespace: 'shop', group: '' };

let api: FakeApi;
let view: Collector;

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
  for (let n = 0; n < SERVICE_COUNT; n += 1) run(n);
  view = collect(openKubernetes(api, { timeout: '500ms', heartbeat: '100ms' }));
  await is('live');
  await view.until('the watches are open', () => api.watches === 4);
});
afterEach(async () => {
  await view.stop();
  expect(view.violations).toEqual([]);
  await api.stop();
});

function run(n: number): void {
  const address = `10.4.0.${n}`;
  api.put(SERVICES, serviceObject('shop', `s${n}`));
  api.put(PODS, podObject('shop', { address, labels: { app: `s${n}` } }));
  api.put(ENDPOINT_SLICES, sliceObject('shop', `s${n}`, { address, port: 8080 }));
}

function drop(n: number): void {
  const address = `10.4.0.${n}`;
  api.remove(ENDPOINT_SLICES, sliceObject('shop', `s${n}`, { address, port: 8080 }).metadata.name, 'shop');
  api.remove(PODS, podName(address), 'shop');
  api.remove(SERVICES, `s${n}`, 'shop');
}

const is = (state: SourceStatus['state']) => view.until(state, (v) => v.status(SCOPE)?.state === state);
const removals = () => view.events.filter(({ kind }) => kind === 'remove').length;

interface Fault {
  readonly name: string;
  readonly strike: () => Promise<void> | void;
  /** Undefined: it is not even noticed. */
  readonly state: 'stale' | undefined;
  readonly cause?: RegExp;
  readonly heal: () => Promise<void> | void;
  /** Services afterwards. */
  readonly left: number;
}

const faults: readonly Fault[] = [
  {
    name: 'so slow that nothing is answered in time',
    strike: () => {
      api.delayMs = 2_000;
      api.breakWatches();
    },
    state: 'stale',
    cause: /did not answer within 500 ms/,
    heal: () => void (api.delayMs = 0),
    left: SERVICE_COUNT,
  },
  {
    name: 'slow, but in time',
    strike: () => {
      api.delayMs = 200;
      api.endWatches();
    },
    state: undefined,
    heal: () => drop(0),
    left: SERVICE_COUNT - 1,
  },
  {
    name: 'refusing a right that was taken away',
    strike: () => {
      api.forbidden.add('watch endpointslices');
      api.endWatches();
    },
    state: 'stale',
    cause: /resources: \["endpointslices"\], verbs: \[list, watch\]/,
    heal: () => api.forbidden.clear(),
    left: SERVICE_COUNT,
  },
];

test.each(faults)('an API server that is $name', async ({ strike, state, cause, heal, left }) => {
  await strike();
  if (state !== undefined) await is(state);
  expect(view.services.size).toBe(SERVICE_COUNT);
  if (cause !== undefined) expect(view.status(SCOPE)).toMatchObject({ cause: expect.stringMatching(cause) });
  expect(removals()).toBe(0);
  await heal();
  await view.until('what is there now', (v) => v.status(SCOPE)?.state === 'live' && v.services.size === left);
  if (state === undefined)
    expect(view.events.some((event) => event.kind === 'status' && event.status.state === 'stale')).toBe(false);
  else expect(removals()).toBe(0); // by a complete read
});
