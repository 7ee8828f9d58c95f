import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchChild } from './bench-child.ts';
import type { RegistryName } from './bench-registry.ts';
import type { ChurnMessage, ChurnReport, ChurnRequest, ChurnSetup } from './churn-child.ts';
import { BESIDE } from './cpu-share.ts';
import { RegistryProcess } from './registry-process.ts';
import type { Scenario, Target } from './scenario.ts';
import { figure, largest, percentile } from './statistics.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

const SERVICES = 10_000;
const INSTANCES = 10;
const SECONDS = 60;
/** Registries speak in fractions of 1, Envoy in hundredths. */
const SCALE = 100;

/** A directory for a `.cpuprofile` of each bridge. */
const PROFILES = process.env['ISTHMUS_BENCH_PROFILES'];

const RUNS = [
  { registry: 'nacos', rate: 200 },
  { registry: 'nacos', rate: 1_000 },
  { registry: 'eureka', rate: 200 },
] as const satisfies readonly { registry: RegistryName; rate: number }[];

/** Changes without a pause: is anything lost, and does anything wait? */
export const churn: Scenario = {
  name: 'churn',
  title: 'Churn: 10,000 services that change all the time',
  async run(log) {
    const measured: Measured[] = [];
    for (const name of ['nacos', 'eureka'] as const) {
      const registry = await RegistryProcess.start({ name, services: SERVICES, instances: INSTANCES, heapMb: 2_048 });
      try {
        log(`${name}: ${SERVICES} × ${INSTANCES} are in`);
        for (const { rate } of RUNS.filter((run) => run.registry === name)) measured.push(await measure(registry, rate, log));
      } finally {
        await registry.stop();
      }
    }
    return {
      about: [
        `${SERVICES} services × ${INSTANCES} instances in a real registry; for ${SECONDS} s the weight of one instance of another service changes`,
        'again and again. The bridge (engine, file ledger, MCP and xDS servers) is a process of its own, and so is what makes the changes; a delta client in a third',
        'process subscribes to everything. *From the message*: from the last byte of the registry’s message until the client has',
        'the bytes. *From the change*: from the call to the registry. CPU: of the bridge’s process; *ready without a CPU*: its thread, by the kernel’s scheduler (schedstat), on two cores that the registry and the load have too. *Lost*: endpoints',
        'that a second client is told in the end and that differ from what the registry itself then lists, entry by entry.',
        BESIDE,
      ].join('\n'),
      tables: [
        {
          title: 'ms',
          columns: [
            ...['registry', 'changes/s wanted', 'changes/s made', 'changes seen'],
            ...['from the message p50', 'p99', 'longest', 'from the change p50', 'p99', 'longest'],
            ...['CPU, % of a core', 'ready without a CPU, % of the time', 'RSS MB', 'lost'],
          ],
          rows: measured.map((m) => [
            m.registry,
            String(m.rate),
            figure(m.madeRate),
            String(m.fromMessage.length),
            ...spread(m.fromMessage),
            ...spread(m.fromChange),
            figure(m.corePercent),
            figure(m.starvedPercent),
            figure(m.rssMb),
            String(m.lost.length),
          ]),
        },
      ],
      targets: measured.flatMap((m): Target[] => [
        { what: `${m.registry}, ${m.rate}/s: entries lost`, unit: '', atMost: 0, measured: m.lost.length, because: m.lost[0] },
        m.registry === 'eureka'
          ? {
              what: `eureka, ${m.rate}/s: from the change, p99 (poll interval of 5 s + 500 ms)`,
              unit: 'ms',
              atMost: 5_500,
              measured: percentile(m.fromChange, 0.99),
            }
          : {
              what: `${m.registry}, ${m.rate}/s: from the message, p99`,
              unit: 'ms',
              atMost: 100,
              measured: percentile(m.fromMessage, 0.99),
            },
      ]),
    };
  },
};

interface Measured {
  readonly registry: RegistryName;
  readonly rate: number;
  readonly madeRate: number;
  readonly fromMessage: readonly number[];
  readonly fromChange: readonly number[];
  readonly corePercent: number;
  /** Of the bridge's thread, that it was ready to run and had no CPU. */
  readonly starvedPercent: number;
  readonly rssMb: number;
  /** "load-7: the registry lists …, the client was told …" */
  readonly lost: readonly string[];
}

async function measure(registry: RegistryProcess, rate: number, log: (line: string) => void): Promise<Measured> {
  const setup: ChurnSetup = { entry: registry.entry };
  const profile = PROFILES === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${PROFILES}`];
  const bridge = new BenchChild<ChurnMessage, ChurnRequest>(join(import.meta.dirname, 'churn-child.ts'), setup, profile);
  try {
    const { port } = await bridge.next('ready', 300_000);
    const client = new XdsClient({ port, transport: 'delta', endpoints: undefined });
    try {
      await waitFor('the client has all endpoints', () => client.endpoints >= SERVICES, 120_000);
      await pause(10_000); // what follows a large first read: Nacos repeats pushes, Eureka's first delta holds everything
      const arrivals = new Map<string, number[]>();
      const stop = client.onArrival(({ at, names }) => {
        for (const name of names) arrivals.set(name, [...(arrivals.get(name) ?? []), at]);
      });
      bridge.tell('begin');
      const made = await registry.load({ rate, seconds: SECONDS, services: SERVICES, instances: INSTANCES });
      log(`${registry.name}: ${made.changes.length} changes in ${figure(made.seconds, 's')}, ${rate}/s were wanted`);
      const lost = await lostEntries(registry, port);
      stop();
      bridge.tell('report');
      const { report } = await bridge.next('report', 60_000);
      return {
        registry: registry.name,
        rate,
        madeRate: made.changes.length / made.seconds,
        fromMessage: followed(report.messages, registry, arrivals),
        fromChange: followed(made.changes, registry, arrivals),
        corePercent: share(report),
        starvedPercent: (report.starvedMs / report.wallMs) * 100,
        rssMb: report.rssMb,
        lost,
      };
    } finally {
      await client.close();
    }
  } finally {
    await bridge.close('end');
  }
}

/** ms from each moment until the client first heard of the service after it. */
function followed(
  moments: readonly (readonly [service: string, at: number])[],
  registry: RegistryProcess,
  arrivals: ReadonlyMap<string, readonly number[]>,
): readonly number[] {
  return moments.map(([service, from]) => {
    const cluster = registry.cluster(Number(service.slice('load-'.length)));
    return (arrivals.get(cluster)?.find((at) => at >= from) ?? Number.NaN) - from;
  });
}

/** Compares what a new client is told with what the registry lists, until nothing differs or nothing changes any more. */
async function lostEntries(registry: RegistryProcess, port: number): Promise<readonly string[]> {
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    const lost = await differences(registry, port);
    if (lost.length === 0 || lost.length >= before) return lost;
    before = lost.length;
    await pause(6_000); // a poll of Eureka's, a repeated push of Nacos's
  }
}

async function differences(registry: RegistryProcess, port: number): Promise<readonly string[]> {
  const told = new Map<string, readonly string[]>();
  const client = new XdsClient({ port, transport: 'delta', endpoints: undefined, contents: true });
  try {
    client.onArrival(({ contents }) => {
      for (const [cluster, lines] of contents ?? []) told.set(cluster, lines);
    });
    await waitFor('the second client has all endpoints', () => told.size >= SERVICES, 120_000);
    const lost: string[] = [];
    for (const [n, lines] of (await registry.lists()).entries()) {
      const listed = lines.map(scaled).sort().join(', ');
      const known = (told.get(registry.cluster(n)) ?? []).join(', ');
      if (listed !== known) lost.push(`load-${n}: the registry lists ${listed}; the client was told ${known}`);
    }
    return lost;
  } finally {
    await client.close();
  }
}

function scaled(line: string): string {
  const [address, weight] = line.split(' ');
  return `${address} ${Math.round(Number(weight) * SCALE)}`;
}

function share({ cpuMs, wallMs }: ChurnReport): number {
  return (cpuMs / wallMs) * 100;
}

/** A change that never arrived counts as endless. */
function spread(values: readonly number[]): readonly string[] {
  const known = values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value));
  return [figure(percentile(known, 0.5)), figure(percentile(known, 0.99)), figure(largest(known))];
}
