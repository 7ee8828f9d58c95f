import type { IstioObject } from '@isthmus/proto/istio';

/** Istio's precedence: the older object first, then by name, then by namespace, so that every replica has one order. */
export function compareAge(a: IstioObject, b: IstioObject): number {
  return a.createdAt - b.createdAt || compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
