import { FractionalPercent_DenominatorType } from '@isthmus/proto/envoy';
import type { Percent } from '@isthmus/proto/istio';

export interface Fraction {
  readonly numerator: number;
  readonly denominator: FractionalPercent_DenominatorType;
}

/** Millionths, cut off as Go does: 0.00001 % is never. */
export function fraction({ value }: Percent): Fraction {
  return { numerator: Math.trunc(value * 10_000), denominator: FractionalPercent_DenominatorType.MILLION };
}

export function hundredths(numerator: number): Fraction {
  return { numerator, denominator: FractionalPercent_DenominatorType.HUNDRED };
}
