import type { SourceStatus } from '@isthmus/model';

/** Where a scope stands; `ScopeView` alone moves it on. */
export type ScopePhase =
  | { readonly kind: 'syncing' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly since: number; readonly cause: string }
  /** Connected and read again, but a restarted registry lists nothing until its providers return. */
  | { readonly kind: 'returning'; readonly since: number; readonly backSince: number; readonly timer: NodeJS.Timeout };

/**
 * What the reader of the source is told.
 *
 * @param failed Services that could not be read, with the reason.
 * @param registry In messages: `Nacos`.
 * @param restartGrace Milliseconds.
 */
export function statusOf(
  phase: ScopePhase,
  failed: ReadonlyMap<string, string>,
  registry: string,
  restartGrace: number,
): SourceStatus {
  switch (phase.kind) {
    case 'syncing':
      return { state: 'syncing' };
    case 'lost':
      return { state: 'stale', since: phase.since, cause: phase.cause };
    case 'returning': {
      const grace = `${restartGrace / 1_000} s`;
      const cause = `${registry} is back but does not list all instances yet; they are kept for up to ${grace}`;
      return { state: 'stale', since: phase.since, cause, backSince: phase.backSince };
    }
    case 'live': {
      const [first] = failed;
      if (first === undefined) return { state: 'live' };
      const more = failed.size === 1 ? '' : ` and ${failed.size - 1} more services`;
      return { state: 'partial', cause: `${first[0]}${more} could not be read: ${first[1]}` };
    }
    default:
      return phase satisfies never;
  }
}
