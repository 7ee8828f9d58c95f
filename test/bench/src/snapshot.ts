import { join } from 'node:path';
import { BenchChild } from './bench-child.ts';
import { startRegistry } from './bench-registry.ts';
import type { BenchRegistry, RegistryName } from './bench-registry.ts';
import { BESIDE } from './cpu-share.ts';
import type { Scenario, Target } from './scenario.ts';
import type { ChildMessage, ChildSetup, ParentMessage } from './snapshot-child.ts';
import type { Stall, Stalls } from './stall-probe.ts';
import { figure } from './statistics.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

const SIZES = {
  nacos: { services: 10_000, instances: 10, heapMb: 2_048 },
  eureka: { services: 10_000, instances: 10, heapMb: 2_048 },
  consul: { services: 5_000, instances: 4, heapMb: 0 },
} as const satisfies Record<RegistryName, object>;

/** A directory for a `.cpuprofile` of each bridge, to find out what a stall is made of. */
const PROFILES = process.env['ISTHMUS_BENCH_PROFILES'];

const SETTLE_MS = 30_000;
const REST_MS = 20_000;
const FLOOR_MS = 5_000;

/** The first complete read of a large registry, and the calm after it. */
export const snapshot: Scenario = {
  name: 'snapshot',
  title: 'The first complete snapshot',
  async run(log) {
    const measured: Measured[] = [];
    for (const name of ['nacos', 'eureka', 'consul'] as const) measured.push(await measure(name, log));
    return {
      about: [
        'A real registry with its load, then a bridge in a process of its own with an empty ledger (engine, file ledger, MCP and xDS',
        'servers). *Ready*: every service was read, translated for Envoy and istiod, and committed. *Served*: a delta client in another',
        `process has asked for all clusters and endpoints and got them, and ${SETTLE_MS / 1_000} s have passed. Stalls are gaps between two`,
        'turns of the event loop, looked for every millisecond; *own CPU* is the CPU time of that thread in the gap, where the rest is',
        'the machine’s. *The machine’s own*: the longest time for which a loop that does nothing but look at the clock got no CPU, in',
        `${FLOOR_MS / 1_000} s before each part, when nothing else was started yet; stalls are counted from the moment the bridge listens. At rest: CPU of the process over ${REST_MS / 1_000} s in which nothing changes, with that client connected, and`,
        'not before the registry has said all: Nacos 2 repeats the pushes of a large read for a while, and Eureka’s deltas hold what was',
        'registered, and its cache each answer, for three minutes by default, here for ten seconds.',
        BESIDE,
      ].join('\n'),
      tables: [
        {
          title: 'Time and memory',
          columns: [
            'registry',
            'services × instances',
            'ready after s',
            'CPU s',
            'peak RSS MB',
            'RSS at rest MB',
            'at rest after s',
            'CPU at rest',
          ],
          rows: measured.map(({ name, ready, served, rest }) => [
            name,
            `${SIZES[name].services} × ${SIZES[name].instances}`,
            figure(ready.tookMs / 1_000),
            figure(ready.cpuMs / 1_000),
            figure(Math.max(ready.peakMb, served.peakMb)),
            figure(rest.rssMb),
            figure((SETTLE_MS + rest.settledMs) / 1_000),
            `${figure(rest.corePercent)} %`,
          ]),
        },
        {
          title: 'Longest stalls of the event loop, ms',
          columns: [
            'registry',
            'until',
            'longest',
            'own CPU in it',
            'GC in it',
            'most own CPU',
            'the machine’s own',
            'monitorEventLoopDelay',
            'turns',
          ],
          rows: measured.flatMap(({ name, floorMs, ready, served }) =>
            [ready, served].map(({ kind, stalls }) => [
              name,
              kind,
              ...stallCells(stalls.longest),
              figure(stalls.longestByCpu.cpuMs),
              figure(floorMs),
              figure(stalls.delayMaxMs),
              String(stalls.turns),
            ]),
          ),
        },
      ],
      targets: measured.flatMap(({ name, floorMs, ready, served, rest }): Target[] => [
        ...stallTargets(`${name}, until ready`, ready.stalls, floorMs),
        ...stallTargets(`${name}, while served`, served.stalls, floorMs),
        { what: `${name}: CPU at rest, % of a core`, unit: '%', atMost: 2, measured: rest.corePercent },
      ]),
    };
  },
};

interface Measured {
  readonly name: RegistryName;
  readonly floorMs: number;
  readonly ready: Extract<ChildMessage, { kind: 'ready' }>;
  readonly served: Extract<ChildMessage, { kind: 'served' }>;
  readonly rest: Extract<ChildMessage, { kind: 'rest' }>;
}

function stallCells({ wallMs, cpuMs, gcMs }: Stall): readonly string[] {
  return [figure(wallMs), figure(cpuMs), figure(gcMs)];
}

/** For a look into the profile, whose times are µs of the same clock. */
function stallText({ at, wallMs, cpuMs, gcMs }: Stall): string {
  return `stall of ${figure(wallMs)} ms until ${(at / 1_000).toFixed(4)} s, own CPU ${figure(cpuMs)} ms, GC ${figure(gcMs)} ms`;
}

function stallTargets(what: string, { longest, longestByCpu }: Stalls, floorMs: number): readonly Target[] {
  const because = `${figure(longest.cpuMs, 'ms')} of it were CPU time of the bridge’s thread, in the rest it had no CPU; a loop that only looks at the clock waits ${figure(floorMs, 'ms')} for a CPU of this machine at rest`;
  return [
    { what: `${what}: most CPU in one turn`, unit: 'ms', atMost: 20, measured: longestByCpu.cpuMs },
    { what: `${what}: longest stall`, unit: 'ms', atMost: 20, measured: longest.wallMs, because },
  ];
}

/** How long the machine takes the CPU away from whoever wants it all the time: what nobody's stalls can be shorter than. */
function machineFloor(): number {
  const end = performance.now() + FLOOR_MS;
  let longest = 0;
  for (let last = performance.now(); last < end;) {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return longest;
}

async function measure(name: RegistryName, log: (line: string) => void): Promise<Measured> {
  const size = SIZES[name];
  const floorMs = machineFloor();
  const registry = await startRegistry(name, size);
  try {
    log(`${name}: ${size.services} × ${size.instances} are in`);
    return { ...(await readOnce(registry, size.services, log)), floorMs };
  } finally {
    await registry.stop();
  }
}

async function readOnce(
  registry: BenchRegistry,
  services: number,
  log: (line: string) => void,
): Promise<Omit<Measured, 'floorMs'>> {
  const setup: ChildSetup = { entry: registry.entry, services, settleMs: SETTLE_MS, restMs: REST_MS };
  const profile = PROFILES === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${PROFILES}`];
  const child = new BenchChild<ChildMessage, ParentMessage>(join(import.meta.dirname, 'snapshot-child.ts'), setup, profile);
  try {
    const ready = await child.next('ready', 300_000);
    log(`${registry.name}: ready after ${figure(ready.tookMs / 1_000, 's')}`);
    const client = new XdsClient({ port: ready.port, transport: 'delta', endpoints: undefined });
    try {
      await waitFor('the client has all endpoints', () => client.endpoints >= services, 60_000);
      child.tell('served');
      const served = await child.next('served', SETTLE_MS + 30_000);
      if (PROFILES !== undefined) {
        for (const { kind, stalls } of [ready, served]) for (const stall of stalls.top) log(`${kind}: ${stallText(stall)}`);
      }
      const rest = await child.next('rest', REST_MS + 150_000);
      return { name: registry.name, ready, served, rest };
    } finally {
      await client.close();
    }
  } finally {
    await child.close('end');
  }
}
