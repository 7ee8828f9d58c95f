import type { MeshEjection } from '../mesh-policy.ts';
import { EnvoyModel } from './envoy-model.ts';
import type { Ejection } from './envoy-model.ts';
import { OPOSSUM_DEFAULTS, OpossumModel } from './opossum-model.ts';
import type { OpossumOptions } from './opossum-model.ts';

/** A call that was made, as it ended. */
export interface Outcome {
  /** ms, from any beginning. */
  readonly at: number;
  /** The instance that answered. */
  readonly host: string;
  readonly ok: boolean;
}

export interface Replayed {
  readonly calls: number;
  readonly failures: number;
  readonly sdk: { readonly turnedAway: number; readonly passedFailures: number; readonly opened: number };
  readonly mesh: {
    /** Nobody was left to be called. */
    readonly turnedAway: number;
    /** Would have gone to another instance. */
    readonly moved: number;
    readonly passedFailures: number;
    readonly ejections: readonly Ejection[];
  };
}

const MOST_LINES = 1_000_000;

/** JSON lines with `at` (ms, or a date), `host`, and `ok` or `status`. @throws {Error} naming the line */
export function readOutcomes(text: string): readonly Outcome[] {
  const lines = text.split('\n');
  if (lines.length > MOST_LINES) throw new Error(`${lines.length} lines: at most ${MOST_LINES} are read`);
  const outcomes = lines.flatMap((line, at) => {
    if (line.trim() === '') return [];
    const outcome = outcomeOf(line);
    if (outcome === undefined)
      throw new Error(`line ${at + 1} is no outcome such as {"at": 1700000000000, "host": "10.0.0.7:8080", "status": 503}`);
    return [outcome];
  });
  return outcomes.sort((a, b) => a.at - b.at);
}

function outcomeOf(line: string): Outcome | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { at, host = '', ok, status } = value as Readonly<Record<string, unknown>>;
  const time = typeof at === 'string' ? Date.parse(at) : at;
  if (typeof time !== 'number' || !Number.isFinite(time) || typeof host !== 'string') return undefined;
  if (typeof ok !== 'boolean' && typeof status !== 'number') return undefined;
  return { at: time, host, ok: typeof ok === 'boolean' ? ok : (status as number) < 500 };
}

/** What a breaker in the process and one sidecar would have made of calls that were made without either. */
export function replay(outcomes: readonly Outcome[], breaker: Partial<OpossumOptions>, ejection: MeshEjection): Replayed {
  const begin = outcomes[0]?.at ?? 0;
  const opossum = new OpossumModel(breaker);
  const envoy = new EnvoyModel(outlierOptions(ejection), [...new Set(outcomes.map(({ host }) => host))]);
  const sdk = { turnedAway: 0, passedFailures: 0, opened: 0 };
  const mesh = { turnedAway: 0, moved: 0, passedFailures: 0 };
  for (const { at, host, ok } of outcomes) {
    const now = at - begin;
    const before = opossum.stateAt(now);
    if (!opossum.call(now, ok)) sdk.turnedAway += 1;
    else if (!ok) sdk.passedFailures += 1;
    if (before !== 'open' && opossum.stateAt(now) === 'open') sdk.opened += 1;
    const healthy = envoy.healthyAt(now);
    if (healthy.length === 0) mesh.turnedAway += 1;
    else if (!healthy.includes(host))
      mesh.moved += 1; // nobody knows how another instance would have answered
    else {
      envoy.answered(now, host, ok);
      mesh.passedFailures += ok ? 0 : 1;
    }
  }
  const failures = outcomes.filter(({ ok }) => !ok).length;
  return { calls: outcomes.length, failures, sdk, mesh: { ...mesh, ejections: envoy.ejections } };
}

/** Those of a reported breaker that the model knows. */
export function breakerOptions(options: Readonly<Record<string, unknown>>): Partial<OpossumOptions> {
  return Object.fromEntries(
    Object.keys(OPOSSUM_DEFAULTS).flatMap((name) => (typeof options[name] === 'number' ? [[name, options[name]]] : [])),
  );
}

/** As `rulesOf` writes it. */
export function outlierOptions(ejection: MeshEjection): ConstructorParameters<typeof EnvoyModel>[0] {
  const { consecutive5xx, failurePercentage, requests = 50, interval = 10_000, baseEjectionTime = 30_000 } = ejection;
  return {
    consecutive5xx,
    ...(failurePercentage === undefined ? {} : { failurePercentage }),
    requests,
    minimumHosts: 1,
    interval,
    baseEjectionTime,
    // Without the annotation the longest is Envoy's own.
    maxEjectionTime: failurePercentage === undefined ? 300_000 : baseEjectionTime,
    maxEjectionPercent: 100,
  };
}
