import { missedShows } from './check-shows.ts';
import { differences, isAtOrIn } from './differences.ts';
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
  const ours = normalise(await translateCase(oracleCase));
  const explained = oracleCase.differs?.at ?? [];
  const all = differences(istiod, ours);
  return {
    name: oracleCase.name,
    istiod,
    ours,
    differences: all.filter((found) => !explained.some((place) => isAtOrIn(found, place))),
    gone: explained.filter((place) => !all.some((found) => isAtOrIn(found, place))),
    missed: missedShows(oracleCase, answer),
  };
}
