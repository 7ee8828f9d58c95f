export { Catalog } from './catalog.ts';
export type { CatalogOptions } from './catalog.ts';

// What becomes of what registries say: hosts, ports, labels, weights.
export { DEFAULT_RULES } from './merge-rules.ts';
export type { CompiledRules, MergeRules } from './merge-rules.ts';
export type { HostDecision, HostRule } from './host-rule.ts';
export { servicePattern, textPattern } from './service-pattern.ts';

// What is removed, and when (docs/adr/0011-deletion-safety.md).
export { DEFAULT_GUARD } from './removal-guard.ts';
export type { GuardOptions } from './removal-guard.ts';
export { FlapDamper } from './flap-damper.ts';
export { letGoService } from './let-go.ts';
export { isHeld } from './scope-state.ts';
export type { KnownRecord, Retained, ScopeState } from './scope-state.ts';

// What is known of endpoints beside their registries' words: the cross-check with Pods, active checks (docs/liveness.md).
export type { RecordOverlay } from './record-overlay.ts';
export { AddressRanges } from './liveness/address-ranges.ts';
export { CrossCheck } from './liveness/cross-check.ts';
export type { CrossCheckOptions } from './liveness/cross-check-options.ts';
export { EVICTIONS } from './liveness/eviction-guard.ts';
export type { HeldEvictions } from './liveness/eviction-guard.ts';
export { describeEviction } from './liveness/judge.ts';
export type { Eviction, Listing } from './liveness/listings.ts';
export { DEFAULT_OWNERSHIP } from './liveness/ownership.ts';
export type { Backing, OwnershipRules } from './liveness/ownership.ts';
export type { AdmissionRule } from './liveness/admission.ts';
export { CHECKS, CheckVerdicts } from './liveness/check-verdicts.ts';
export type { CheckResult } from './liveness/check-verdicts.ts';

// Services that are in a registry and in Kubernetes.
export type { EndpointDifference } from './pairs/diff.ts';
export type { PairPolicy, PairRule } from './pairs/pair-rules.ts';
export { Pairs, differences } from './pairs/pairs.ts';
export type { Pair } from './pairs/pairs.ts';
