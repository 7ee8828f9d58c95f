import { setTimeout as pause } from 'node:timers/promises';
import { startIstiod } from '@isthmus/servers';
import { SERVICE_ENTRY_TYPE } from '@isthmus/translate';
import { EDS } from '@isthmus/xds';
import { startRegistry } from './bench-registry.ts';
import { BESIDE } from './cpu-share.ts';
import { InProcessBridge } from './in-process-bridge.ts';
import { THREAD_OFFSET, monotonic } from './monotonic.ts';
import type { Scenario } from './scenario.ts';
import { figure, largest, percentile } from './statistics.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

const SIZES = [100, 1_000] as const;
const INSTANCES = 10;
const WARM_UP = 10;
const CHANGES = 60;

const STEPS = ['pushed', 'acked', 'told'] as const;
type Step = (typeof STEPS)[number];
const NAMES: Readonly<Record<Step, string>> = {
  pushed: 'message → MCP bytes written',
  acked: '→ istiod has taken them',
  told: '→ istiod tells its proxies',
};

/** Our share of the way through istiod, beside istiod's. */
export const mcp: Scenario = {
  name: 'mcp',
  title: 'Through istiod: our part and its own',
  async run(log) {
    const measured = [];
    for (const services of SIZES) measured.push(await measure(services, log));
    return {
      about: [
        `${SIZES.join(' and ')} services × ${INSTANCES} instances in a real Nacos 2; the bridge and an unmodified istiod with its defaults, which has`,
        'the bridge as its MCP source; a client subscribes to all endpoints at istiod. The weight of one instance changes,',
        `${CHANGES} times, one change after the other. Each time is that of one step, not of the way so far. istiod takes a whole type at a time`,
        'and waits 100 ms for more before it tells its proxies.',
        BESIDE,
      ].join('\n'),
      tables: [
        {
          title: 'ms',
          columns: ['services', 'changes', ...STEPS.flatMap((step) => [`${NAMES[step]} p50`, 'p99', 'longest'])],
          rows: measured.map(({ services, samples }) => [
            String(services),
            String(samples.length),
            ...STEPS.flatMap((step) => spread(samples.map((sample) => sample[step]))),
          ]),
        },
      ],
      targets: [],
    };
  },
};

type Sample = Readonly<Record<Step, number>>;

async function measure(
  services: number,
  log: (line: string) => void,
): Promise<{ readonly services: number; readonly samples: readonly Sample[] }> {
  await using stack = new AsyncDisposableStack();
  const registry = stack.adopt(await startRegistry('nacos', { services, instances: INSTANCES, heapMb: 512 }), (r) => r.stop());
  let message = Number.NaN;
  let pushed = Number.NaN;
  let acked = Number.NaN;
  const bridge = stack.adopt(
    await InProcessBridge.start([registry.entry], {
      onMessage: (at) => (message = at + THREAD_OFFSET),
      onMcp: (event) => {
        if ((event.kind !== 'pushed' && event.kind !== 'acked') || event.type !== SERVICE_ENTRY_TYPE) return;
        if (event.kind === 'pushed') pushed = monotonic();
        else acked = monotonic();
      },
    }),
    (b) => b.close(),
  );
  await bridge.engine.readiness.ready;
  const istiod = stack.use(
    await startIstiod({ meshConfig: { configSources: [{ address: `xds://127.0.0.1:${bridge.mcpPort}` }] } }),
  );
  const numbers = Array.from({ length: services }, (_, n) => n);
  const endpoints = numbers.map((n) => registry.cluster(n));
  const client = stack.adopt(new XdsClient({ port: istiod.ports.grpc, transport: 'delta', endpoints }), (c) => c.close());
  await waitFor('istiod tells of all endpoints', () => client.endpoints === services, 120_000);
  let told = Number.NaN;
  let awaited = '';
  client.onArrival(({ at, type, names }) => {
    if (type === EDS && names.includes(awaited)) told = at;
  });
  await pause(3_000);
  log(`${services} services are at istiod's client, ${CHANGES} changes`);
  const samples: Sample[] = [];
  for (let n = -WARM_UP; n < CHANGES; n += 1) {
    const service = ((n + WARM_UP) * 611) % services;
    awaited = registry.cluster(service);
    told = Number.NaN;
    acked = Number.NaN;
    await registry.change(service, (n + WARM_UP) % INSTANCES);
    await waitFor('the change at the client of istiod', () => !Number.isNaN(told) && !Number.isNaN(acked), 30_000, 2);
    if (n >= 0) samples.push({ pushed: pushed - message, acked: acked - pushed, told: told - acked });
    await pause(300 + Math.random() * 100); // istiod's quiet time, and no rhythm of ours
  }
  return { services, samples };
}

function spread(values: readonly number[]): readonly string[] {
  return [figure(percentile(values, 0.5)), figure(percentile(values, 0.99)), figure(largest(values))];
}
