import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AgentPlan } from '@isthmus/contract';
import type { FlipCall, FlipSays, FlipTold } from './agent-flip-child.ts';
import { BenchChild } from './bench-child.ts';
import { behindIptables, loopback } from './flip-place.ts';
import type { FlipPlace } from './flip-place.ts';
import { monotonic } from './monotonic.ts';
import type { Scenario, ScenarioResult } from './scenario.ts';
import { figure, largest, percentile } from './statistics.ts';

const CALLS_A_SECOND = 2_000;
const ROUND_TRIPS = 100;
const DWELL_MS = 350;
const KILLS = 20;
/** The wait after a loss doubles each time; a new process has known none. */
const KILLS_A_PROCESS = 3;
/** The new way is taken when 99 % of so many calls, which is 100 ms of them, take it. */
const IN_A_ROW = 200;
const REGISTER = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/register.js');

interface Flip {
  readonly at: number;
  readonly to: 'sdk' | 'mesh';
}

export const agentFlip: Scenario = {
  name: 'agent-flip',
  title: 'The agent: a target flipped under load, and a sidecar killed',
  run: (log) => measured(log, loopback),
};

export const agentFlipIptables: Scenario = {
  name: 'agent-flip-iptables',
  title: 'The agent behind iptables: a target flipped under load, and a sidecar killed',
  run: (log) => measured(log, behindIptables),
};

async function measured(log: (line: string) => void, placeOf: () => Promise<FlipPlace>): Promise<ScenarioResult> {
  const place = await placeOf();
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-flip-'));
  const file = join(directory, 'plan.json');
  let version = 0;
  const plan = async (rung: 'sdk' | 'traffic'): Promise<Flip> => {
    const { host, addresses } = place;
    const text: AgentPlan = { schema: 1, version: String((version += 1)), targets: [{ host, rung, addresses }] };
    await writeFile(`${file}.new`, JSON.stringify(text));
    const at = monotonic();
    await rename(`${file}.new`, file);
    return { at, to: rung === 'sdk' ? 'sdk' : 'mesh' };
  };
  await plan('sdk');
  const start = (): BenchChild<FlipSays, FlipTold> =>
    new BenchChild(
      join(import.meta.dirname, 'agent-flip-child.ts'),
      { addresses: place.addresses, callsASecond: CALLS_A_SECOND },
      ['--require', REGISTER],
      { ...place.env, ISTHMUS_PLAN_FILE: file },
      place.within,
    );
  let child = start();
  const calls: FlipCall[] = [];
  const failures: string[] = [];
  let skipped = 0;
  const take = async (): Promise<readonly FlipCall[]> => {
    const taken = child.next('taken', 60_000);
    child.tell('take');
    const said = await taken;
    calls.push(...said.calls);
    failures.push(...said.failures);
    skipped += said.skipped;
    return said.calls;
  };
  const settled = (to: Flip['to']): Promise<void> => whenAll(`calls go by ${to}`, async () => share(await take(), to) === 1);
  try {
    await settled('sdk');
    await plan('traffic');
    await settled('mesh');
    await plan('sdk');
    await settled('sdk');
    await take();
    calls.length = 0;
    skipped = 0;

    const began = monotonic();
    const flips: Flip[] = [];
    for (let flip = 0; flip < ROUND_TRIPS * 2; flip += 1) {
      flips.push(await plan(flip % 2 === 0 ? 'traffic' : 'sdk'));
      await pause(DWELL_MS);
      if (flip % 10 === 9) await take();
    }
    await pause(500);
    await take();
    const flipped = [...calls];
    const rate = flipped.length / ((monotonic() - began) / 1_000);
    const failed = flipped.filter(isFailed).length;
    const times = flips.map((flip, at) => ({
      ...flip,
      ms: timeOf(flipped, flip, flips[at + 1]?.at ?? Number.POSITIVE_INFINITY),
    }));
    const known = times.filter(({ ms }) => Number.isFinite(ms));
    log(`${flips.length} changes, ${flipped.length} calls (${rate.toFixed(0)} a second), ${failed} failed`);

    const kills: Kill[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      if (kill > 0 && kill % KILLS_A_PROCESS === 0) {
        await child.close('end');
        child = start();
      }
      await plan('traffic');
      await settled('mesh');
      await pause(500);
      await take();
      calls.length = 0;
      const at = monotonic();
      await place.kill();
      const dead = monotonic();
      await pause(1_500);
      await settled('sdk');
      kills.push(killOf([...calls], at, dead));
      log(`killed: on the SDK after ${figure(kills.at(-1)?.ms ?? Number.NaN, 'ms')}`);
      await place.restart();
    }
    const sum = (of: (kill: Kill) => number): number => kills.reduce((all, one) => all + of(one), 0);
    const row = (what: string, values: readonly number[]): readonly string[] => [
      what,
      String(values.length),
      ...[0.5, 0.9, 0.99, 1].map((part) => figure(percentile(values, part))),
    ];
    const ms = (to: Flip['to']): readonly number[] => known.filter((one) => one.to === to).map((one) => one.ms);
    const fewer = rate < CALLS_A_SECOND * 0.95 ? ` The machine was too busy for all of them: ${skipped} were left out.` : '';
    return {
      about: `An application calls three instances in turn by http with 64 kept connections, ${CALLS_A_SECOND} calls a second at a constant rate, GET and POST by turns; the built agent is before it by --require, ${place.about}. A plan file moves the target to the sidecar and back ${ROUND_TRIPS} times, ${DWELL_MS} ms apart. A flip’s time is from the file’s replacement until 99 % of the next ${IN_A_ROW} calls take the new way; 20 ms of it are the wait for a file to be complete. Then the Envoy is killed (SIGKILL) ${KILLS} times under the same load. In flight: POSTs that had begun and not ended when it was killed, or began before it was gone; the last column has POSTs that failed though they began later. Made: ${rate.toFixed(0)} calls a second.${fewer}${failures.length === 0 ? '' : ` What failed: ${[...new Set(failures)].slice(0, 5).join('; ')}.`}`,
      tables: [
        {
          title: 'From the change of the plan until 99 % of calls take the new way, ms',
          columns: ['flip', 'measured', 'p50', 'p90', 'p99', 'worst'],
          rows: [row('to the sidecar', ms('mesh')), row('back to the SDK', ms('sdk'))],
        },
        {
          title: 'Sidecar killed',
          columns: [
            'kill',
            '99 % on the SDK after, ms',
            'calls since',
            'GET failed',
            'POST failed',
            'POST in flight',
            'POST failed, begun later',
          ],
          rows: kills.map((kill, at) => [
            String(at + 1),
            figure(kill.ms),
            String(kill.calls),
            String(kill.idempotentFailed),
            String(kill.othersFailed),
            String(kill.inFlight),
            String(kill.later),
          ]),
        },
      ],
      targets: [
        { what: `failed calls of ${flipped.length}, ${flips.length} flips`, unit: '', atMost: 0, measured: failed },
        { what: 'flips not measured before the next one', unit: '', atMost: 0, measured: flips.length - known.length },
        { what: 'sidecar killed: demoted, worst', unit: 'ms', atMost: 1_000, measured: largest(kills.map((kill) => kill.ms)) },
        { what: 'idempotent calls failed', unit: '', atMost: 0, measured: sum((kill) => kill.idempotentFailed) },
        {
          what: 'other calls failed, beyond those in flight',
          unit: '',
          atMost: 0,
          measured: Math.max(...kills.map((kill) => kill.othersFailed - kill.inFlight)),
          because: `${sum((kill) => kill.later)} began when it was gone`,
        },
      ],
    };
  } finally {
    await child.close('end');
    await place.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Kill {
  readonly ms: number;
  readonly calls: number;
  readonly idempotentFailed: number;
  readonly othersFailed: number;
  readonly inFlight: number;
  /** POSTs that failed though they began when it was gone. */
  readonly later: number;
}

function killOf(calls: readonly FlipCall[], at: number, dead: number): Kill {
  const failed = calls.filter((call) => isFailed(call) && call[1] >= at);
  return {
    later: failed.filter(([began, , , isPost]) => isPost === 1 && began > dead).length,
    ms: timeOf(calls, { at, to: 'sdk' }, Number.POSITIVE_INFINITY),
    calls: calls.filter(([began]) => began >= at).length,
    idempotentFailed: failed.filter(([, , , isPost]) => isPost === 0).length,
    othersFailed: failed.filter(([, , , isPost]) => isPost === 1).length,
    inFlight: calls.filter(([began, ended, , isPost]) => isPost === 1 && began <= dead && ended >= at).length,
  };
}

function isFailed(call: FlipCall): boolean {
  return call[4] === 1;
}

function share(calls: readonly FlipCall[], to: Flip['to']): number {
  const wanted = calls.filter(([, , isMesh, , failed]) => failed === 0 && (isMesh === 1) === (to === 'mesh')).length;
  return calls.length < 20 ? 0 : wanted / calls.length;
}

/** NaN when it did not come to it before the next. */
function timeOf(calls: readonly FlipCall[], { at, to }: Flip, before: number): number {
  const since = calls.filter(([began]) => began >= at && began < before).toSorted(([a], [b]) => a - b);
  for (let from = 0; from < since.length; from += 1) {
    const next = since.slice(from, from + IN_A_ROW);
    if (next.length < 20) break;
    if (share(next, to) >= 0.99) return (since[from] as FlipCall)[0] - at;
  }
  return Number.NaN;
}

/** As `waitFor`, of what has to be asked. */
async function whenAll(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  let holds = false;
  while (!holds) {
    if (performance.now() > end) throw new Error(`not within 60 s: ${what}`);
    await pause(100);
    holds = await condition();
  }
}
