/** What is done to a registry; the columns of docs/faults.md. */
export const FAULTS = [
  'killed',
  'hung',
  'restarted empty',
  'restarted with half',
  'slow',
  'password revoked',
  'clock jump',
] as const;

export type Fault = (typeof FAULTS)[number];

/**
 * What is expected: the scope's state, `held` being a live scope whose removals wait in the guard; or the reason why the
 * fault cannot happen to this registry.
 */
export type FaultCell =
  { readonly state: 'stale'; readonly cause: RegExp } | { readonly state: 'live' | 'held' } | { readonly never: string };

/** A registry's row. */
export type FaultRow = Readonly<Record<Fault, FaultCell>>;

/** What holds unless a registry's row says something else: its causes have to name the fault. */
export const USUAL_FAULTS: FaultRow = {
  killed: { state: 'stale', cause: /ECONNREFUSED|ECONNRESET|cannot be reached|closed|hang up|ended/i },
  hung: { state: 'stale', cause: /did(n't| not) answer|no answer|timed? ?out|silent|does not answer|within \d/i },
  'restarted empty': { state: 'stale', cause: /(is|came) back/ },
  'restarted with half': { state: 'stale', cause: /(is|came) back/ },
  slow: { state: 'live' },
  'password revoked': { state: 'stale', cause: /password|auth|denied|forbidden|permission|credential|token|40[13]/i },
  'clock jump': { state: 'live' },
};

/** What docs/faults.md says in the table; the reasons are lines of their own. */
export function cellText(cell: FaultCell): string {
  return 'never' in cell ? '—' : cell.state;
}
