export { compareAge } from './age.ts';
export { istioKey, parseIstioYaml } from './load/parse-istio-yaml.ts';
export type { IstioFile, ParseOptions } from './load/parse-istio-yaml.ts';
export type { Issue, Problem } from './load/problem.ts';
export { DestinationRules } from './destination-rules.ts';
export type { RuleClient, RuleMesh, RuleTarget } from './destination-rules.ts';
export { coversHost } from './destination-rules/rule-host.ts';
