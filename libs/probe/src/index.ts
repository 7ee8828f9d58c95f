export { probe } from './probe.ts';
export type { ProbeOptions, ProbeResult } from './probe.ts';
export { Prober } from './prober.ts';
export type { ProberDeps, ProberOptions, ProbeTarget } from './prober.ts';
