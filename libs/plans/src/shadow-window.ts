import type { ViewComparison, ViewDifference } from './shadow.ts';

/**
 * Views move at different speeds, so a difference counts only once it lasts longer than a window: the slowest way by which both
 * sides hear of one change, by the registry's client (docs/agent-shadow.md has where each comes from). Milliseconds.
 */
const WINDOWS: Readonly<Record<string, number>> = {
  // Nacos pushes after 0.5 s; npm nacos asks again every 10 s where the push was lost.
  nacos: 20_000,
  // A blocking query; a client that lost its watch begins again within some seconds.
  consul: 20_000,
  // The client asks every 30 s an answer that the server keeps for up to 30 s.
  eureka: 90_000,
};
const OTHERWISE_MS = 60_000;

/** @param sdkNames as in `AgentTarget.sdkNames`, `KIND/NAMESPACE/GROUP/NAME`; the slowest of them decides */
export function windowOf(sdkNames: readonly string[] = []): number {
  const windows = sdkNames.map((name) => WINDOWS[name.slice(0, name.indexOf('/'))] ?? OTHERWISE_MS);
  return windows.length === 0 ? OTHERWISE_MS : Math.max(...windows);
}

/** What one process and the mesh have differed in, and since when; times are ms of one clock, the bridge's. */
export interface ViewHistory {
  /** When the two were first compared. */
  readonly from: number;
  readonly union: number;
  /** By place: the difference that is there now, and since when there has been one without a gap. */
  readonly standing: ReadonlyMap<string, { readonly difference: ViewDifference; readonly since: number }>;
}

const NONE: ViewHistory['standing'] = new Map();

/** Both histories in one fold: called whenever either view is another, and whenever one is confirmed. */
export function follow(history: ViewHistory | undefined, now: ViewComparison, at: number): ViewHistory {
  if (now.differences.length === 0) {
    return { from: history?.from ?? at, union: now.union, standing: NONE };
  }
  const standing = new Map(
    now.differences.map((difference) => {
      const before = history?.standing.get(difference.at);
      return [difference.at, { difference, since: before?.since ?? at }];
    }),
  );
  return { from: history?.from ?? at, union: now.union, standing };
}

export interface CountedView {
  /** Compared for at least a window, so that a difference would have been seen: only then it is a sample. */
  readonly isSample: boolean;
  readonly matched: number;
  /** Without the places whose difference is younger than the window: they are neither equal nor different yet. */
  readonly union: number;
  readonly differences: readonly { readonly difference: ViewDifference; readonly since: number }[];
}

/** What of it counts now. */
export function counted({ from, union, standing }: ViewHistory, at: number, windowMs: number): CountedView {
  const differences = [...standing.values()].filter(({ since }) => at - since >= windowMs);
  return {
    isSample: at - from >= windowMs,
    matched: union - standing.size,
    union: union - standing.size + differences.length,
    differences,
  };
}
