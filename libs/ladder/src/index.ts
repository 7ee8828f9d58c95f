export { DEFAULT_LIMITS, UNSEEN, observe } from './hysteresis.ts';
export type { Hysteresis, HysteresisLimits, Observation } from './hysteresis.ts';
export { AT_SDK, START, positionOf, rungOfCall, step } from './ladder.ts';
export type { LadderEvent, LadderState, Position } from './ladder.ts';
export { POLICIES, ownerOf } from './owners.ts';
export type { Capability, Owner, Policy } from './owners.ts';
export { RUNGS, dialsSidecar, isRung, lowerOf, rankOf, rungBelow } from './rung.ts';
export type { Rung } from './rung.ts';
export { bucketOf, bucketOfCall, isInShare, saltOf } from './share.ts';
