import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bridgeSources } from './bridge-sources.ts';
import { duration, type ViewModel } from './live-view.ts';
import { Lab } from './lab.ts';
import type { LabOptions } from './lab-options.ts';
import { choosePorts, listening, standardPorts } from './lab-ports.ts';
import { isReached, walk } from './hop.ts';
import { checkout, startLoad } from './load.ts';
import { describeState } from './part.ts';
import { busyPorts, describeBusy } from './port-holder.ts';
import { identify, isAlive } from './process-identity.ts';
import { projectRoot } from './project-root.ts';
import { Screen } from './screen.ts';
import { runChecks } from './self-check.ts';
import { readState, removeState, writeState } from './state-file.ts';
import { stopRequest } from './stop-request.ts';
import { TrafficStats } from './traffic-stats.ts';

const checkoutsPerSecond = 20;
const shownNotes = 4;

/** Exit code: 0 it ran (with `--ci`: every check passed), 1 it could not start or a check failed. */
export async function up(options: LabOptions, beganAt: number): Promise<number> {
  const refused = await refusal(options);
  if (refused !== undefined) return fail(refused);
  const ports = await choosePorts(options.ports);
  const busy = await busyPorts(listening(ports, options.with));
  if (busy.length > 0) return fail(describeBusy(busy));

  await rm(join(options.dir, 'logs'), { recursive: true, force: true });
  const lab = new Lab(options, ports, projectRoot());
  const seconds = (): number => (performance.now() - beganAt) / 1000;
  const stats = new TrafficStats(() => performance.now());
  const screen = new Screen(options.ci ? process.stderr : process.stdout);
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(`${duration(seconds())}: ${text}`);
  const stop = stopRequest();
  const startedAt = Date.now();
  const down = new Set<string>();
  let failure: string | undefined;
  let sources: ViewModel['sources'] = [];

  const view = (): ViewModel => ({
    seconds: seconds(),
    console: `http://127.0.0.1:${ports.control}`,
    parts: lab.parts.map((part) => ({ name: part.name, group: part.group, state: describeState(part.state, Date.now()) })),
    sources,
    traffic: stats.traffic(),
    notes: notes.slice(-shownNotes),
    tries: options.ci ? [] : tries(lab),
  });
  const tick = (): void => {
    lab.watch();
    noteChanges(lab, down, note);
    void bridgeSources(ports.control).then((seen) => (sources = seen));
    screen.draw(view());
    void writeLabState(options, lab, startedAt);
  };
  const ticking = setInterval(tick, 1_000);
  try {
    const starting = lab.start();
    starting.catch(() => undefined); // awaited below
    tick();
    const started = await Promise.race([starting.then(() => 'started' as const), stop.requested]);
    if (started === 'stop') return 0;
    const load = new AbortController();
    if (options.ci) {
      clearInterval(ticking);
      return (await runChecks(lab, options, (line) => console.log(line), AbortSignal.any([stop.signal]))) ? 0 : 1;
    }
    startLoad({ webPort: ports.web, perSecond: checkoutsPerSecond, maxInFlight: 10, stats, signal: load.signal });
    void firstRequest(ports.web, stop.signal).then((done) => done && note('the first request went through by SDK and by Envoy'));
    await stop.requested;
    load.abort();
    return 0;
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    return 1;
  } finally {
    clearInterval(ticking);
    screen.print('stopping …');
    await lab.stop();
    await removeState(options.dir);
    screen.print('everything stopped');
    if (failure !== undefined) screen.print(failure);
  }
}

async function refusal({ dir }: LabOptions): Promise<string | undefined> {
  const state = await readState(dir);
  if (state === undefined || !(await isAlive(state.lab))) return undefined;
  return `a lab already runs (pid ${state.lab.pid}, web ${state.web}); stop it with: isthmus lab down`;
}

function fail(reason: string): number {
  console.error(reason);
  return 1;
}

/** True once a checkout went all the way by both; false when the lab was stopped before. */
async function firstRequest(webPort: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const { sdk, mesh } = await checkout(webPort, 'both');
    const complete = [sdk, mesh].every(
      (hop) => [...walk(hop)].every((part) => isReached(part) || part.pending) && isReached(hop),
    );
    if (complete) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

function noteChanges(lab: Lab, down: Set<string>, note: (text: string) => void): void {
  for (const { name, state } of lab.parts) {
    if (state.kind === 'down' && !down.has(name)) {
      down.add(name);
      note(`${name} went down`);
    } else if (state.kind === 'up' && down.delete(name)) note(`${name} is back`);
  }
}

function tries({ ports, instances }: Lab): ViewModel['tries'] {
  const pids = new Map([...instances].map(([{ name }, part]) => [name, part.pid]));
  const orders = pids.get('orders-1');
  if (pids.get('web-1') === undefined || orders === undefined) return [];
  const control = ports.control === standardPorts.control ? '' : ` --control http://127.0.0.1:${ports.control}`;
  return [
    { command: `curl -s http://127.0.0.1:${ports.web}/checkout`, why: 'one purchase by both ways, every hop named' },
    {
      command: `npx isthmus explain orders.default-group.public.nacos${control}`,
      why: 'where a host comes from and what became of it',
    },
    { command: `kill -9 ${orders}`, why: 'orders-1 dies: see where its calls go (docs/lab.md has more to break)' },
  ];
}

async function writeLabState({ dir }: LabOptions, lab: Lab, startedAt: number): Promise<void> {
  const own = await identify(process.pid);
  if (own === undefined) return;
  const parts = await Promise.all(
    lab.parts.map(async (part) => {
      const running = part.pid === undefined ? undefined : await identify(part.pid);
      const state = describeState(part.state, Date.now());
      return {
        name: part.name,
        state,
        ...(running && { process: running }),
        ...(part.logFile !== undefined && { log: part.logFile }),
      };
    }),
  );
  const { control, web } = lab.ports;
  await writeState(dir, {
    lab: own,
    startedAt,
    console: `http://127.0.0.1:${control}`,
    web: `http://127.0.0.1:${web}`,
    parts,
  }).catch(() => undefined);
}
