import { labPaths, type LabPath } from '../hop.ts';

/** Which way the caller came, by header `x-lab-path`; whatever it calls in turn goes the same way. Default `sdk`. */
export function pathOf(header: string | undefined): LabPath {
  return labPaths.find((path) => path === header) ?? 'sdk';
}
