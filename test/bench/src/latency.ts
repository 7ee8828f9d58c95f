import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { ChangeMeter } from './changes.ts';
import type { Sample } from './changes.ts';
import { BESIDE } from './cpu-share.ts';
import { RegistryProcess } from './registry-process.ts';
import { replayBursts } from './replayed-bursts.ts';
import type { Scenario, Target } from './scenario.ts';
import { figure, largest, percentile } from './statistics.ts';

const SERVICES = 1_000;
const INSTANCES = 10;
/** Enough connections for a blocking query on each service; with the default of 128 most are found by the sweep (docs/adr/0010). */
const SETTINGS = { nacos: {}, consul: { maxConnections: SERVICES + 200 } } as const;
const WARM_UP = 30;
const CHANGES = 250;
const BURST = 500;
const BURSTS = 5;

/** From the registry's message to the proxies' bytes. */
export const latency: Scenario = {
  name: 'latency',
  title: 'From the last byte of the registry’s message to the new EDS bytes on the wire',
  async run(log) {
    const measured = [];
    for (const name of ['nacos', 'consul'] as const) measured.push(await measure(name, log));
    log('their bursts again, from a script');
    const alone: { readonly name: string; readonly bursts: Awaited<ReturnType<typeof replayBursts>> }[] = [];
    for (const { name, bursts } of measured)
      alone.push({ name: `${name}’s, from a script`, bursts: await replayBursts(bursts, SERVICES, INSTANCES) });
    return {
      about: [
        `${SERVICES} services × ${INSTANCES} instances in a real registry; the engine with its file ledger, MCP and xDS servers in one`,
        'process; a delta client that subscribes to all endpoints in a thread of its own; another process makes the changes. *Written*: the response was given to the',
        'socket; *arrived*: the client’s thread has read its bytes; *own CPU*: what the bridge’s thread computed from the message until then; *ready without a CPU*: for how long the kernel’s scheduler let it wait in that time (schedstat). Lone changes (weight of one instance) one after the other, each',
        `awaited at the client; then ${BURSTS} times ${BURST} services changed at once, where every change is followed by itself.`,
        '*From a script*: the same changes at the same distances from a source in the bridge’s process, no registry beside it.',
        `Consul is asked over ${SETTINGS.consul.maxConnections} connections at most, one blocking query for each service.`,
        BESIDE,
      ].join('\n'),
      tables: [
        {
          title: 'Lone changes, ms',
          columns: [
            'registry',
            'changes',
            ...['written p50', 'p99', 'longest'],
            ...['arrived p50', 'p99', 'longest'],
            ...['own CPU until written p50', 'p99', 'longest'],
          ],
          rows: measured.map(({ name, lone }) => [
            name,
            String(lone.length),
            ...spread(lone.map((s) => s.written - s.message)),
            ...spread(lone.map((s) => s.arrived - s.message)),
            ...spread(lone.map((s) => s.cpu)),
          ]),
        },
        {
          title: `${BURST} changes at once, ms`,
          columns: [
            'registry',
            'bursts',
            ...['arrived p50', 'p99', 'longest'],
            ...['of the longest: written after', 'own CPU', 'ready without a CPU'],
            'messages came within',
            'responses',
          ],
          rows: [...measured, ...alone].map(({ name, bursts }) => [
            name,
            String(bursts.length),
            ...spread(bursts.flat().map((s) => s.arrived - s.message)),
            ...longestParts(bursts.flat()),
            figure(
              largest(bursts.map((burst) => largest(burst.map((s) => s.message)) - Math.min(...burst.map((s) => s.message)))),
            ),
            String(new Set(bursts.flat().map((s) => s.arrived)).size),
          ]),
        },
        {
          title: 'CPU during the bursts, cores',
          columns: ['registry', 'the registry’s process', 'the bridge’s, with the client', 'both', 'of'],
          rows: measured.map(({ name, used }) => [
            name,
            ...[used.registryMs, used.ownMs, used.registryMs + used.ownMs].map((ms) => figure(ms / used.wallMs)),
            String(availableParallelism()),
          ]),
        },
      ],
      targets: measured.flatMap(({ name, lone, bursts }, n): Target[] => {
        const own = largest((alone[n]?.bursts ?? []).flat().map((s) => s.arrived - s.message));
        const waits = lone.map((s) => s.arrived - s.message);
        return [
          { what: `${name}: lone change, arrived, p50`, unit: 'ms', atMost: 3, measured: percentile(waits, 0.5) },
          {
            what: `${name}: lone change, arrived, p99`,
            unit: 'ms',
            atMost: 15,
            measured: percentile(waits, 0.99),
            because: starved(lone),
          },
          {
            what: `${name}: longest wait of a change in a burst`,
            unit: 'ms',
            atMost: 100,
            measured: largest(bursts.flat().map((s) => s.arrived - s.message)),
            because: `${starved(bursts.flat())}; the same burst from a script, with no registry beside it, waited ${figure(own, 'ms')} at most`,
          },
        ];
      }),
    };
  },
};

interface Measured {
  readonly name: keyof typeof SETTINGS;
  readonly lone: readonly Sample[];
  readonly bursts: readonly (readonly Sample[])[];
  /** From each burst's first change until the last was at the client. */
  readonly used: { readonly wallMs: number; readonly registryMs: number; readonly ownMs: number };
}

async function measure(name: keyof typeof SETTINGS, log: (line: string) => void): Promise<Measured> {
  const registry = await RegistryProcess.start({ name, services: SERVICES, instances: INSTANCES, heapMb: 512 });
  try {
    const meter = await ChangeMeter.start(registry, SERVICES, SETTINGS[name]);
    try {
      log(`${name}: ${SERVICES} × ${INSTANCES} are in, ${CHANGES} lone changes`);
      const lone: Sample[] = [];
      for (let n = -WARM_UP; n < CHANGES; n += 1) {
        const samples = await meter.change([((n + WARM_UP) * 611) % SERVICES], Math.abs(n) % INSTANCES);
        if (n >= 0) lone.push(...samples);
        await pause(Math.random() * 40); // no rhythm of ours with a timer of theirs
      }
      const bursts: (readonly Sample[])[] = [];
      const used = { wallMs: 0, registryMs: 0, ownMs: 0 };
      for (let n = 0; n < BURSTS; n += 1) {
        const services = Array.from({ length: BURST }, (_, i) => (i * 2 + n) % SERVICES);
        const before = { at: performance.now(), registry: registry.cpuMs, own: process.cpuUsage() };
        bursts.push(await meter.change(services, n % INSTANCES));
        const { user, system } = process.cpuUsage(before.own);
        used.wallMs += performance.now() - before.at;
        used.registryMs += registry.cpuMs - before.registry;
        used.ownMs += (user + system) / 1_000;
        await pause(3_000); // Nacos repeats pushes under load: let it finish
      }
      return { name, lone, bursts, used };
    } finally {
      await meter.close();
    }
  } finally {
    await registry.stop();
  }
}

/** What the bridge computed in the slowest hundredth of all changes. */
function starved(samples: readonly Sample[]): string {
  const slowest = samples.toSorted((a, b) => b.arrived - b.message - (a.arrived - a.message));
  const some = slowest.slice(0, Math.max(1, Math.ceil(samples.length / 100)));
  const mean = (of: (sample: Sample) => number) => some.reduce((sum, sample) => sum + of(sample), 0) / some.length;
  const [wall, written] = [mean((s) => s.arrived - s.message), mean((s) => s.written - s.message)];
  const [cpu, starved] = [mean((s) => s.cpu), mean((s) => s.starved)];
  return `the slowest hundredth took ${figure(wall, 'ms')} on average, ${figure(written, 'ms')} of it until written, in which the bridge’s thread had ${figure(cpu, 'ms')} of CPU and was ready to run without one for ${figure(starved, 'ms')}`;
}

/** The change that waited longest, by the kernel's count of its way to the socket. */
function longestParts(samples: readonly Sample[]): readonly string[] {
  const [longest] = samples.toSorted((a, b) => b.arrived - b.message - (a.arrived - a.message));
  return longest === undefined
    ? ['', '', '']
    : [longest.written - longest.message, longest.cpu, longest.starved].map((ms) => figure(ms));
}

function spread(values: readonly number[]): readonly string[] {
  return [figure(percentile(values, 0.5)), figure(percentile(values, 0.99)), figure(largest(values))];
}
