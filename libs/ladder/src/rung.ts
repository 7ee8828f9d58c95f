/** The rungs of a migration, from nothing handed over to nothing left (docs/agent.md has the table). The order is the ladder's. */
export const RUNGS = ['sdk', 'shadow', 'discovery', 'traffic', 'resilience', 'retired'] as const;

export type Rung = (typeof RUNGS)[number];

export function isRung(value: unknown): value is Rung {
  return typeof value === 'string' && (RUNGS as readonly string[]).includes(value);
}

/** 0 for `sdk`, 5 for `retired`. */
export function rankOf(rung: Rung): number {
  return RUNGS.indexOf(rung);
}

export function lowerOf(a: Rung, b: Rung): Rung {
  return rankOf(a) <= rankOf(b) ? a : b;
}

/** The rung that calls outside of a step's share are on; `sdk` has none below and is its own. */
export function rungBelow(rung: Rung): Rung {
  return RUNGS[Math.max(0, rankOf(rung) - 1)] as Rung;
}

/** Calls of this rung go to the sidecar, by service name. */
export function dialsSidecar(rung: Rung): boolean {
  return rankOf(rung) >= rankOf('traffic');
}
