import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BenchChild } from './bench-child.ts';
import { monotonic } from './monotonic.ts';
import { RulesClient } from './rules-client.ts';
import { ROUTES, RulesLoad } from './rules-load.ts';
import type { RulesFor } from './rules-load.ts';
import type { Translated, TranslationSetup } from './rules-translation-child.ts';
import type { Scenario, Target } from './scenario.ts';
import { figure, median, percentile } from './statistics.ts';
import { RULES_SUBJECTS, startSubject } from './xds-rules-subject.ts';
import type { Clock, RulesSubject, RulesSubjectName } from './xds-rules-subject.ts';

const RULES = 1_000;
/** istiod 1.27 looks at its directory about every ten seconds only. */
const CHANGES: Readonly<Record<RulesSubjectName, number>> = { isthmus: 50, istiod: 4 };
const WARM_CHANGES = 1;
/** Kinds of proxies that come one after the other. */
const KINDS = 4;
const SIDES: readonly RulesFor[] = ['sidecar', 'router'];

/** Istio's rules in number: all of them, and one that changed. */
export const xdsRules: Scenario = {
  name: 'xds-rules',
  title: `${RULES} VirtualServices with ${ROUTES} routes each, beside istiod`,
  async run(log) {
    const alone = await translation();
    log(`translation alone: ${figure(alone.full, 'ms')}, one rule ${figure(alone.change, 'ms')}`);
    const measured: Measured[] = [];
    for (const side of SIDES) for (const name of RULES_SUBJECTS) measured.push(await measure(side, name, log));
    return {
      about: [
        `${RULES} ServiceEntries of ten instances and ${RULES} VirtualServices as files, which a bridge (\`istio: { dir }\`) and an unmodified`,
        'istiod 1.27 (`--configDir`) read, each in a process of its own; one delta client that asks for everything as Envoy does. *Start*: from',
        'the start of the process to the routes of all rules at the client. *A new kind of proxy*: both have read everything, and a client of a',
        'namespace that no client was of before connects; from its first byte to all routes. What rules encode to is shared with the kinds',
        'before it where it is the same, as it is here (*alone* has the cost without that): this is what can be seen from outside of both, with the clusters, endpoints and listeners that a proxy takes',
        `(median of ${KINDS}). *One rule*: its file is replaced; until the client has the route, and the CPU of the process over ${CHANGES.isthmus} such`,
        `changes (istiod: ${CHANGES.istiod}, since it looks at its directory about every ten seconds, which its wall time here is made of), less what it`,
        'uses at rest; in ours the wait for a file to be complete (100 ms). *Alone*:',
        'our translation without files and streams, CPU of the thread; for istiod its own clocks, `pilot_pushcontext_init_seconds` and',
        '`pilot_xds_push_time` (wall, all types), which it needs anew for each changed rule.',
        'One client is connected while rules change; kinds of proxies that have gone again only note what they miss. istiod’s CPU for a change',
        'has its reading of the whole directory in it; what they use at rest is taken from three seconds, which may not have one.',
      ].join('\n'),
      tables: [
        {
          title: 'From outside',
          columns: [
            'who',
            'client',
            'start s',
            'CPU s',
            'new kind p50 ms',
            'CPU ms each',
            'bytes MB',
            'one rule p50 ms',
            'p99 ms',
            'CPU ms each',
            'longest turn, CPU ms',
            'peak RSS MB',
          ],
          rows: measured.map((each) => [
            each.name,
            each.side,
            figure(each.startMs / 1_000),
            figure(each.startCpuMs / 1_000),
            figure(median(each.kinds)),
            figure(each.kindCpuMs),
            figure(each.bytes / 1e6),
            figure(percentile(each.changes, 0.5)),
            figure(percentile(each.changes, 0.99)),
            figure(each.changeCpuMs),
            figure(each.longestTurnMs),
            figure(each.peakMb),
          ]),
        },
        {
          title: 'Translation alone, ms',
          columns: ['who', 'all rules', 'all rules, cold', 'one rule', 'reading all files', 'reading all, cold', 'reading one'],
          rows: [
            [
              'isthmus, CPU',
              figure(alone.full),
              figure(alone.fullFirst),
              figure(alone.change),
              figure(alone.parse),
              figure(alone.parseFirst),
              figure(alone.parseOne),
            ],
            ...measured
              .filter(({ name }) => name === 'istiod')
              .map(({ side, clock }) => [
                `istiod, its clocks, ${side}`,
                figure(clock.kind),
                '—',
                figure(clock.change),
                '—',
                '—',
                '—',
              ]),
          ],
        },
      ],
      targets: [...SIDES.flatMap((side) => comparisons(side, measured)), ...ownTargets(alone)],
    };
  },
};

function comparisons(side: RulesFor, measured: readonly Measured[]): readonly Target[] {
  const of = (name: RulesSubjectName): Measured => measured.find((each) => each.name === name && each.side === side)!;
  const [ours, theirs] = [of('isthmus'), of('istiod')];
  return [
    {
      what: `${side}: full translation, a new kind of proxy has all routes, times istiod's`,
      unit: '',
      atMost: 1,
      measured: median(ours.kinds) / median(theirs.kinds),
    },
    { what: `${side}: CPU of it, times istiod's`, unit: '', atMost: 1, measured: ours.kindCpuMs / theirs.kindCpuMs },
  ];
}

function ownTargets(alone: Translated): readonly Target[] {
  return [
    {
      what: 'one changed rule, % of the full translation (CPU, alone)',
      unit: '%',
      atMost: 5,
      measured: (100 * alone.change) / alone.full,
    },
  ];
}

interface Measured {
  readonly name: RulesSubjectName;
  readonly side: RulesFor;
  readonly startMs: number;
  readonly startCpuMs: number;
  readonly kinds: readonly number[];
  readonly kindCpuMs: number;
  readonly bytes: number;
  readonly changes: readonly number[];
  readonly changeCpuMs: number;
  readonly longestTurnMs: number;
  readonly peakMb: number;
  /** Of istiod, by its own clocks: ms for a kind and for a change. */
  readonly clock: { readonly kind: number; readonly change: number };
}

async function translation(): Promise<Translated> {
  const setup: TranslationSetup = { rules: RULES, changes: CHANGES.isthmus };
  const child = new BenchChild<Translated, 'end'>(join(import.meta.dirname, 'rules-translation-child.ts'), setup);
  const said = await child.next('translated', 120_000);
  await child.close('end');
  return said;
}

async function measure(side: RulesFor, name: RulesSubjectName, log: (line: string) => void): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const load = stack.adopt(await RulesLoad.write(RULES, side), (each) => each.remove());
  const start = monotonic();
  const subject = stack.use(await startSubject(name, load.dir));
  const first = stack.adopt(await connected(subject, side), (client) => client.close());
  const startMs = monotonic() - start;
  const startCpuMs = subject.cost.cpuMs;
  log(`${name}, ${side}: all routes ${figure(startMs / 1_000, 's')} after the start, CPU ${figure(startCpuMs / 1_000, 's')}`);
  await pause(3_000);
  const startTurn = await subject.longestTurn();
  const atRest = await restOf(subject, 3_000);
  const before = await subject.clock();
  const changes = await changed(subject, load, first, atRest, CHANGES[name]);
  const between = await subject.clock();
  log(`${name}, ${side}: one rule ${figure(percentile(changes.times, 0.5), 'ms')}`);
  // Later: the bridge goes on keeping the routes of kinds that were there, until many more have come.
  const kinds = await newKinds(subject, side);
  const after = await subject.clock();
  log(`${name}, ${side}: a new kind of proxy has them after ${figure(median(kinds.times), 'ms')}`);
  return {
    name,
    side,
    startMs,
    startCpuMs,
    kinds: kinds.times,
    kindCpuMs: kinds.cpuMs,
    bytes: first.bytes,
    changes: changes.times,
    changeCpuMs: changes.cpuMs,
    longestTurnMs: Math.max(startTurn, await subject.longestTurn()),
    peakMb: subject.cost.peakMb,
    clock: { change: spent(before, between, CHANGES[name] + WARM_CHANGES), kind: spent(between, after, KINDS) },
  };
}

/** A client that has everything; while files are being read there may be fewer rules at first. */
async function connected(subject: RulesSubject, side: RulesFor): Promise<RulesClient> {
  const client = new RulesClient(subject.port, side, 'shop', RULES);
  await client.complete(120_000);
  return client;
}

/** ms of CPU in a ms without changes. */
async function restOf({ cost }: RulesSubject, ms: number): Promise<number> {
  const [from, before] = [monotonic(), cost.cpuMs];
  await pause(ms);
  return (cost.cpuMs - before) / (monotonic() - from);
}

async function newKinds(
  subject: RulesSubject,
  side: RulesFor,
): Promise<{ readonly times: readonly number[]; readonly cpuMs: number }> {
  const times: number[] = [];
  const before = subject.cost.cpuMs;
  for (let n = 0; n < KINDS; n += 1) {
    const client = new RulesClient(subject.port, side, side === 'router' ? `shop-${n}` : `team-${n}`, RULES);
    times.push(await client.complete(60_000));
    client.close();
    await pause(200);
  }
  return { times, cpuMs: (subject.cost.cpuMs - before) / KINDS };
}

async function changed(
  subject: RulesSubject,
  load: RulesLoad,
  client: RulesClient,
  atRest: number,
  changes: number,
): Promise<{ readonly times: readonly number[]; readonly cpuMs: number }> {
  const times: number[] = [];
  let from = 0;
  let before = 0;
  for (let n = -WARM_CHANGES; n < changes; n += 1) {
    if (n === 0) [from, before] = [monotonic(), subject.cost.cpuMs];
    const mark = `mark-${n + WARM_CHANGES}-`;
    const start = monotonic();
    await load.change(((n + WARM_CHANGES) * 7) % RULES, mark);
    const at = await client.routesWith(mark, 90_000);
    if (n >= 0) times.push(at - start);
    await pause(100 + Math.random() * 100); // no rhythm of ours
  }
  await pause(500);
  return { times, cpuMs: (subject.cost.cpuMs - before - atRest * (monotonic() - from)) / changes };
}

/** What istiod's clocks say of one of so many. */
function spent(before: Clock | undefined, after: Clock | undefined, times: number): number {
  if (before === undefined || after === undefined) return Number.NaN;
  const of = (metric: keyof Clock): number => after[metric].ms - before[metric].ms;
  return (of('pilot_pushcontext_init_seconds') + of('pilot_xds_push_time')) / times;
}
