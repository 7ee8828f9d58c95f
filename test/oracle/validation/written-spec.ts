import type { IstioKind } from '@isthmus/proto/istio';

export interface WrittenSpec {
  readonly kind: IstioKind;
  readonly spec: Readonly<Record<string, unknown>>;
}
