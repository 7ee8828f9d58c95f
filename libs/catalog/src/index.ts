export { Catalog } from './catalog.ts';
export type { CatalogOptions } from './catalog.ts';
export { DEFAULT_RULES } from './merge-rules.ts';
export type { CompiledRules, HostRule, MergeRules } from './merge-rules.ts';
export { DEFAULT_GUARD } from './removal-guard.ts';
export type { GuardOptions } from './removal-guard.ts';
export type { KnownRecord, ScopeState } from './scope-state.ts';
