export { liftHosts, lossyFields } from './join-policies.ts';
export type { HostField, LiftedHost } from './join-policies.ts';
export type { Fidelity, FieldReport } from './mesh-policy.ts';
export { MOST_POLICY_BYTES } from './limits.ts';
export { READABLE, readKeptPolicies, readPolicies } from './read-policies.ts';
export { SENTINEL_KINDS, readSentinelRules, sentinelDataId } from './read-sentinel.ts';
export type { BadRule, ReadRules, SentinelKind } from './read-sentinel.ts';
export { rulesOf } from './write-rules.ts';
export { breakerOptions, readOutcomes, replay } from './replay/replay.ts';
