import type { OracleCase } from './oracle-case.ts';
import { noResources } from './resource-set.ts';
import type { ResourceSet } from './resource-set.ts';

/** What Isthmus sends to the node of this case. */
export async function translateCase(_oracleCase: OracleCase): Promise<ResourceSet> {
  return noResources;
}
