import type { AgentPlan } from '@isthmus/contract';
import type { Diagnostics } from '../diagnostics.ts';
import { AGENT_VERSION } from '../version.ts';
import { CachedPlan } from './cached-plan.ts';
import { readControlEvent } from './control-events.ts';
import type { ControlEvent } from './control-events.ts';
import { ControlRequests } from './control-place.ts';
import type { ControlPlace } from './control-place.ts';
import type { StreamEvent } from './event-stream.ts';
import { Leases } from './leases.ts';
import type { MeshViews } from './mesh-views.ts';
import { PlanState } from './plan-state.ts';
import { ReportBook } from './report-book.ts';
import type { ReportedTarget } from './report-book.ts';
import { Reporter } from './reporter.ts';
import { StreamClient } from './stream-client.ts';

export interface ControlOptions {
  readonly place: ControlPlace;
  /** Where the last plan is kept; nowhere by default. */
  readonly cacheDir?: string;
}

export interface ControlParts extends ControlOptions {
  readonly adopt: (plan: AgentPlan) => void;
  readonly targets: () => Iterable<ReportedTarget>;
  /** The endpoints that the SDK has of a target go into its next report. */
  readonly ask: (host: string, port: number) => void;
  /** What this process keeps out of its registries from now on, and which of it is listed there all the same; all the rest it registers as ever. */
  readonly withdraw?: (names: readonly string[], listed: readonly string[]) => void;
  /** Whether the control plane is there to confirm what it said. */
  readonly connected?: (isConnected: boolean) => void;
  readonly diagnostics: Diagnostics;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly random?: () => number;
}

export interface Control {
  readonly views: MeshViews;
  /** Where a target effectively is, or why, may be another: the control plane is told soon. */
  changed(): void;
  note(diagnostic: { readonly code: string; readonly where: string; readonly message: string; readonly remedy: string }): void;
  close(): void;
}

/** Addresses come and go more often than plans, and a table of 10,000 takes milliseconds to make. */
const ADDRESSES_EVERY_MS = 100;

/**
 * Follows the control plane: the plan that it says, and reports to it. While it is away, slow or wrong the last plan stays; with
 * `leaseS` a target falls to `sdk`. Nothing here is on the way of a call, and nothing keeps the process alive.
 */
export function followControl(parts: ControlParts): Control {
  const { place, cacheDir, adopt, diagnostics, now, random = Math.random } = parts;
  const requests = new ControlRequests(place);
  // A name, and no secret: node:crypto would cost a start 3 ms.
  const instance = `${process.pid}-${Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0')}`;
  const state = new PlanState();
  const cache = cacheDir === undefined ? undefined : new CachedPlan(cacheDir, place.service);
  const unusable = (where: string, message: string): void =>
    diagnostics.report({
      code: 'control-unusable',
      where,
      message: `${message}; the last plan stays in force`,
      remedy: 'look at the bridge, and at ISTHMUS_CONTROL, ISTHMUS_SERVICE, ISTHMUS_TOKEN_FILE and ISTHMUS_CA_FILE',
    });

  let waiting: NodeJS.Timeout | undefined;
  const inForce = (): void => {
    clearTimeout(waiting);
    waiting = undefined;
    adopt(state.plan(leases.expired));
    reporter.soon();
  };
  const leases = new Leases({
    now,
    setTimer: (ms, run) => {
      // What was said while the process was busy is read before it is judged.
      const timer = setTimeout(() => setImmediate(() => setImmediate(run)), ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    changed: () => inForce(),
  });
  const book = new ReportBook({
    service: place.service,
    instance,
    version: AGENT_VERSION,
    planVersion: () => state.version,
    targets: parts.targets,
  });
  const reporter = new Reporter({
    requests,
    make: () => book.make(),
    random,
    failed: (why) => {
      book.forget();
      unusable(requests.where, why);
    },
  });
  const take = (event: ControlEvent): void => {
    if (event.kind === 'hello') {
      stream.pingMs = event.hello.pingMs;
      reporter.everyMs = event.hello.reportEveryMs;
      book.forget();
      reporter.soon();
      return;
    }
    if (event.kind === 'ask') {
      parts.ask(event.host, event.port);
      reporter.soon();
      return;
    }
    if (event.kind === 'registrations') {
      parts.withdraw?.(event.withdrawn, event.listed);
      return;
    }
    const news = state.take(event);
    if (news === 'plan') {
      leases.follow(state.leases);
      inForce();
      cache?.write(state.said, (error) => unusable(cache.file, `the plan is not kept: ${error.message}`));
    } else if (news === 'addresses' && waiting === undefined) {
      waiting = setTimeout(inForce, ADDRESSES_EVERY_MS);
      waiting.unref();
    }
  };
  const stream = new StreamClient({
    requests,
    instance,
    version: AGENT_VERSION,
    random,
    now,
    take: (event: StreamEvent) => take(readControlEvent(event)),
    heard: () => leases.heard(),
    connected: (isConnected) => {
      reporter.connected = isConnected;
      parts.connected?.(isConnected);
    },
    unusable: (why) => unusable(requests.where, why),
  });

  if (cache !== undefined) restore(cache, state, unusable);
  if (state.version !== '') {
    leases.follow(state.leases);
    inForce();
  }
  stream.open();
  return {
    views: state.views,
    changed: () => reporter.soon(),
    note: (diagnostic) => book.note(diagnostic),
    close() {
      clearTimeout(waiting);
      stream.close();
      reporter.close();
      leases.close();
      requests.close();
    },
  };
}

function restore(cache: CachedPlan, state: PlanState, unusable: (where: string, why: string) => void): void {
  try {
    const read = cache.read();
    if (read?.ok === true) state.replace(read.plan);
    else if (read !== undefined) unusable(cache.file, `the plan kept there cannot be used: ${read.why}`);
  } catch (error) {
    unusable(cache.file, `the plan kept there cannot be read: ${(error as Error).message}`);
  }
}
