import { MemoryLedger } from '@isthmus/ledger';
import type { MeshHost, ServiceRecord } from '@isthmus/model';
import { Catalog } from '../catalog.ts';
import { DEFAULT_RULES, compileRules } from '../merge-rules.ts';
import type { MergeRules } from '../merge-rules.ts';
import { mergeService } from '../merge-service.ts';
import { DEFAULT_GUARD } from '../removal-guard.ts';

/** Neither removals nor flapping instances are held back: what was said counts at once. */
const UNGUARDED = { ...DEFAULT_GUARD, maxRemovalPercent: 100, flap: { ...DEFAULT_GUARD.flap, count: 0 } };

/** The rules of a config that says these. */
export const rulesOf = (rules: Partial<MergeRules>) => compileRules({ ...DEFAULT_RULES, ...rules });

/** One host's service by these rules, no address allocated. */
export const merge = (rules: Partial<MergeRules>, records: readonly ServiceRecord[], host = 'orders.test') =>
  mergeService(host as MeshHost, records, rulesOf(rules), () => ({ vip: undefined, diagnostics: [] }));

/** An unguarded catalog that allocates addresses, at a standing clock. */
export const catalogOf = (rules: Partial<MergeRules>, ledger = new MemoryLedger()): Catalog =>
  new Catalog({ rules: { ...DEFAULT_RULES, ...rules }, guard: UNGUARDED, ledger, clock: { now: () => 0 }, allocateVips: true });
