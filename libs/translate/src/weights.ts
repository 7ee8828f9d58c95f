/** Registries speak in fractions of 1, Envoy and Istio in whole numbers: 0.5 becomes 50. */
const SCALE = 100;
/** Envoy refuses an assignment whose weights add up to more than a uint32. */
const MOST_IN_SUM = 4_000_000_000;

/** Envoy's weight of an endpoint that takes traffic: never 0, which Envoy and Istio refuse. */
export function meshWeight(weight: number): number {
  return Math.max(1, Math.round(weight * SCALE));
}

/** Weights in proportion to the registry's whose sum fits, or as they are where it does (nearly always). */
export function fittingWeights(weights: readonly number[]): readonly number[] {
  let sum = 0;
  for (const weight of weights) sum += weight;
  if (sum <= MOST_IN_SUM) return weights;
  return weights.map((weight) => Math.max(1, Math.floor((weight * MOST_IN_SUM) / sum)));
}
