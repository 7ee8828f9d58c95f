export { compareAge } from './age.ts';
export { istioKey, parseIstioYaml } from './load/parse-istio-yaml.ts';
export type { IstioFile, ParseOptions } from './load/parse-istio-yaml.ts';
export type { Issue, Problem } from './load/problem.ts';
