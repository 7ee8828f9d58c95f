export { NO_CALLS, NO_FLEET, NO_VIEWS } from './fleet-view.ts';
export type {
  AgentPresence,
  ArmTotals,
  Consumers,
  FleetChange,
  FleetView,
  ProviderRegistration,
  ProviderWindow,
  TargetEvidence,
  TargetId,
  ViewTotals,
} from './fleet-view.ts';
export { judge } from './gates.ts';
export type { Migration, PlanTarget } from './migration.ts';
export { sharedConsumers } from './overlap.ts';
export { AgentTargets } from './plan-book.ts';
export type { BookChange, PlanBook } from './plan-book.ts';
export { COMMANDS, command } from './plan-commands.ts';
export type { PlanCommand } from './plan-commands.ts';
export { advance, begin, respecified, rollBack, verdictOf } from './plan-machine.ts';
export type { Advance } from './plan-machine.ts';
export { describeStep, isRetired, positionIn, stepOf, withEntries, withdrawnIn } from './plan-state.ts';
export type { PlanRow, PlanState, PlanStatus } from './plan-state.ts';
export { MOST_PLAN_BYTES, migrationFrom, readMigrations } from './read-migrations.ts';
export type { ReadMigrations, WrittenMigration } from './read-migrations.ts';
export { proofOf } from './retirement.ts';
export type { Proof, Subscribers } from './retirement.ts';
export { since } from './step-evidence.ts';
export { holdersOf, stillListedAfter } from './withdrawal.ts';
export type { RegistrationNow, Withdrawal, WithdrawnRegistration } from './withdrawal.ts';
export type { StepEvidence } from './step-evidence.ts';
export { ShadowBook } from './shadow-book.ts';
export type { ShadowReport, StandingDivergence } from './shadow-book.ts';
export { explainDifference } from './shadow-explain.ts';
export type { Divergence, DivergenceCode, PlaceKnowledge } from './shadow-explain.ts';
export { windowOf } from './shadow-window.ts';
export { placeOf, similarityOf } from './shadow.ts';
export type { ViewComparison, ViewDifference } from './shadow.ts';
