export { NO_CALLS, NO_FLEET, NO_VIEWS } from './fleet-view.ts';
export type {
  AgentPresence,
  ArmTotals,
  Consumers,
  FleetChange,
  FleetView,
  ProviderWindow,
  TargetEvidence,
  TargetId,
  ViewTotals,
} from './fleet-view.ts';
export { AgentTargets } from './plan-book.ts';
export type { BookChange, PlanBook } from './plan-book.ts';
