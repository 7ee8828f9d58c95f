export { startAgent } from './agent.ts';
export type { Agent, AgentOptions } from './agent.ts';
export { Decider } from './decider.ts';
export type { TargetView } from './decider.ts';
export type { Decision } from './decision-table.ts';
export { Diagnostics } from './diagnostics.ts';
export type { AgentDiagnostic } from './diagnostics.ts';
export { currentAgent, register } from './process-agent.ts';
export type { SidecarPlaces } from './sidecar-probe.ts';
