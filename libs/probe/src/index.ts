export { probe } from './probe.ts';
export type { ProbeOptions } from './probe.ts';
export type { ProbeResult } from './probe-result.ts';
export { Prober } from './prober.ts';
export type { ProberDeps, ProberOptions, ProbeTarget } from './prober.ts';
