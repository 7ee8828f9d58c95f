import type { AgentPlan } from '@isthmus/contract';
import type { ClientAccess } from './client-access.ts';
import { followControl } from './control/follow-control.ts';
import type { Control, ControlOptions } from './control/follow-control.ts';
import { reportedTargets } from './control/reported-targets.ts';
import { Decider } from './decider.ts';
import type { TargetView } from './decider.ts';
import { Diagnostics, diagnosticLine } from './diagnostics.ts';
import type { AgentDiagnostic } from './diagnostics.ts';
import type { Handover } from './handover.ts';
import type { ClientSeam } from './http/client-seam.ts';
import { patchHttp } from './http/patch-http.ts';
import { followSockets } from './followed-sockets.ts';
import { followPlanFile } from './plan-file.ts';
import { targetCalls } from './resilience/target-calls.ts';
import type { TargetCalls } from './resilience/target-calls.ts';
import { followProcess } from './provider/process-provider.ts';
import type { ProviderEnvironment } from './provider/provider-environment.ts';
import { sidecarProbe } from './sidecar-probe.ts';
import type { SidecarPlaces } from './sidecar-probe.ts';
import { SidecarWatch } from './sidecar-watch.ts';
import { followIncoming } from './trace-context.ts';
import { patchDispatcher } from './undici/patch-dispatcher.ts';
import { Discovery } from './views/discovery.ts';
import { processViews } from './views/process-views.ts';
import { tellBugs } from './views/tell-bugs.ts';

export interface AgentOptions {
  /** The plan as a file, watched; with one the control plane is not asked. */
  readonly planFile?: string;
  readonly control?: ControlOptions;
  readonly places: SidecarPlaces;
  /** `region/zone` of this process; at `discovery` instances there come first. Not known by default. */
  readonly zone?: string;
  /** False: nothing of Node's is patched, and only what the application wraps itself (`/http`, `/undici`, `/grpc`) follows the plan. True by default. */
  readonly intercept?: boolean;
  /** Of the calls that come in, and of the end of the process. */
  readonly provider?: ProviderEnvironment;
  /** Of the agent whose place this one takes in a running process. */
  readonly from?: Handover;
  /** Where diagnostics go; stderr by default. */
  readonly emit?: (diagnostic: AgentDiagnostic, repeated: number) => void;
}

export interface Agent {
  /** Where each target of the plan is. */
  view(): readonly TargetView[];
  /** Of the plan in force, `''` without one. */
  readonly planVersion: string;
  /** For what repeats, times out or breaks calls in the process: who owns that for a call (docs/agent-resilience.md). */
  readonly calls: TargetCalls;
  /** For the subpaths. */
  readonly clients: ClientAccess;
  /** Says something of itself, as its own parts do. */
  note(diagnostic: AgentDiagnostic): void;
  /** For the one that takes its place: to be asked just before `close`. */
  handover(): Handover;
  /** Takes every seam out again: all calls are the SDK's. */
  close(): void;
}

/**
 * The agent of this process; nothing is patched before a plan names a target whose calls are to go elsewhere.
 *
 * A plan, from a file or the control plane, is adopted by the `Decider`, which is told by `SidecarWatch` and `Discovery` how far up
 * the ladder each target can be now. The patched clients ask it for the way of each call (`ClientSeam`), and tell the watch of calls that
 * failed at the sidecar. What it decides and counts is reported to the control plane.
 */
export function startAgent(options: AgentOptions): Agent {
  const now = (): number => performance.now();
  const out = options.emit ?? ((diagnostic, repeated) => void process.stderr.write(diagnosticLine(diagnostic, repeated)));
  let control: Control | undefined;
  const emit = (diagnostic: AgentDiagnostic, repeated: number): void => {
    control?.note(diagnostic);
    out(diagnostic, repeated);
  };
  const diagnostics = new Diagnostics({ emit, now });
  const discovery = new Discovery({
    zone: options.zone ?? '',
    now,
    changed: () => decider.judge(),
    setTimer: startTimer,
  });
  const decider = new Decider(diagnostics, (authority) => discovery.balancerOf(authority));
  const watch = new SidecarWatch({
    probe: sidecarProbe(options.places),
    now,
    wanted: () => decider.wanted,
    changed: (sidecar) => {
      decider.judge((authority) => watch.isReady(authority));
      if (sidecar !== undefined) tell(diagnostics, options.places, sidecar);
    },
  });
  /** When instances may last have been called on purpose. */
  let unquietAt = now();
  const seam: ClientSeam = {
    egress: options.places.egress,
    decide: (host, port, read, carrier) => decider.decide(host, port, read, carrier),
    failed: (outcome) => {
      unquietAt = now();
      watch.failed(outcome);
    },
    diagnostics,
  };
  const whollyMoved = (host: string, port: number): string | undefined => decider.whollyMoved(host, port);
  const sockets = { seam, whollyMoved, now, troubleAt: () => unquietAt };
  const undo: (() => void)[] = [];
  const install = (): void => {
    const isFirst = undo.length === 0;
    if (isFirst) undo.push(followIncoming(), followSockets(sockets));
    if (options.intercept === false) return;
    if (isFirst) undo.push(patchHttp(seam));
    // At each plan: an application may have set a dispatcher of its own since.
    const dispatcher = patchDispatcher(seam);
    if (dispatcher !== undefined) undo.push(dispatcher);
  };
  const views = processViews();
  let inForce: AgentPlan | undefined;
  const adopt = (plan: AgentPlan): void => {
    // The table has the addresses, in a tenth of the memory; of a control plane's they are held where the stream builds it up.
    inForce = plan;
    discovery.follow(plan.targets, options.planFile !== undefined);
    decider.adopt(plan);
    if (options.planFile !== undefined) for (const target of plan.targets) Object.assign(target, { addresses: NO_ADDRESSES });
    views.follow(plan.targets);
    if (decider.movesCalls) install();
    if (decider.wantsSidecar) watch.wake();
  };
  if (options.from !== undefined) {
    watch.assume(options.from.ready);
    decider.judge((authority) => watch.isReady(authority));
    if (options.from.plan !== undefined) adopt(options.from.plan);
  }
  const untold = tellBugs(views, diagnostics);
  const counts = options.control !== undefined;
  const provider =
    options.intercept === false
      ? undefined
      : followProcess({ counts, changed: () => control?.changed(), ...options.provider }, diagnostics);
  const unfollow = options.planFile === undefined ? undefined : followPlanFile(options.planFile, adopt, diagnostics);
  if (options.control !== undefined && options.planFile === undefined) {
    control = followControl({
      ...options.control,
      ...{ adopt, diagnostics, now },
      targets: () => reportedTargets(decider, watch, views),
      ask: (host, port) => views.ask(host, port),
      withdraw: (names, listed) => provider?.withdraw(names, listed),
      connected: (isConnected) => discovery.connected(isConnected),
    });
    control.views.onChange((authority, view) => discovery.take(authority, view?.endpoints));
  }
  const untell = decider.onChange(() => {
    unquietAt = now();
    control?.changed();
  });
  return {
    view: () => decider.view(),
    get planVersion() {
      return decider.version;
    },
    calls: targetCalls(decider, watch.seen),
    clients: { seam, target: (authority) => decider.target(authority), onChange: (listener) => decider.onChange(listener) },
    note: (diagnostic) => diagnostics.report(diagnostic),
    handover() {
      const ready = decider.wanted.filter((authority) => watch.isReady(authority));
      return { schema: 1, ready, ...(inForce === undefined ? {} : { plan: withAddresses(inForce, decider) }) };
    },
    close() {
      unfollow?.();
      untell();
      control?.close();
      untold();
      discovery.close();
      provider?.close();
      watch.close();
      for (const one of undo.splice(0).reverse()) one();
    },
  };
}

const NO_ADDRESSES: readonly string[] = [];

const withAddresses = (plan: AgentPlan, decider: Decider): AgentPlan => ({
  ...plan,
  targets: plan.targets.map((target) => {
    const { addresses } = decider.target(`${target.host}:${target.port ?? 80}`) ?? target;
    return { ...target, addresses };
  }),
});

function startTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}

function tell(diagnostics: Diagnostics, { egress }: SidecarPlaces, sidecar: 'ready' | 'lost'): void {
  const where = `${egress.host}:${egress.port}`;
  if (sidecar === 'ready')
    diagnostics.report({ code: 'sidecar-ready', where, message: 'the sidecar takes calls', remedy: 'nothing is to be done' });
  else
    diagnostics.report({
      code: 'sidecar-lost',
      where,
      message: 'the sidecar does not answer or is not ready; calls are back on the SDK and will return to it by themselves',
      remedy: 'look at the sidecar',
    });
}
