import { missedShows } from './check-shows.ts';
import { differences, placeOf } from './differences.ts';
import type { Difference } from './differences.ts';
import type { Oracle } from './istiod-oracle.ts';
import { normalise } from './normalise/normalise.ts';
import type { OracleCase } from './oracle-case.ts';
import { translateCase } from './ours.ts';
import type { ResourceSet } from './resource-set.ts';

/** What came out of one case. */
export interface Verdict {
  readonly name: string;
  /** Normalised. */
  readonly istiod: ResourceSet;
  readonly ours: ResourceSet;
  /** Those that the case does not explain. */
  readonly differences: readonly Difference[];
  /** Explained, and not there (any more). */
  readonly gone: readonly string[];
  /** What the case is there to show and istiod's answer has not. */
  readonly missed: readonly string[];
}

export async function judge(oracle: Oracle, oracleCase: OracleCase): Promise<Verdict> {
  const answer = await oracle.translate(oracleCase);
  const istiod = normalise(answer);
  const ours = normalise(translateCase(oracleCase));
  const explained = new Set(oracleCase.differs?.at);
  const all = differences(istiod, ours);
  return {
    name: oracleCase.name,
    istiod,
    ours,
    differences: all.filter((found) => !explained.has(placeOf(found))),
    gone: [...explained].filter((place) => !all.some((found) => placeOf(found) === place)),
    missed: missedShows(oracleCase, answer),
  };
}
