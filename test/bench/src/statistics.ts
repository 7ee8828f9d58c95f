/** The smallest value that at least `share` (0–1] of the values do not exceed (nearest rank); NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Of an empty list: NaN, so that a missing measurement never looks like a good one. */
export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), values.length === 0 ? Number.NaN : Number.NEGATIVE_INFINITY);
}

/** Three significant digits, none of them after the point from 100 on. */
export function figure(value: number, unit = ''): string {
  if (!Number.isFinite(value)) return '—';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

const RESAMPLES = 10_000;

/** Within which the median lies with 95 %: bootstrap. */
export function medianInterval(values: readonly number[]): readonly [number, number] {
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(Math.random() * values.length)] as number)),
  );
  return [percentile(medians, 0.025), percentile(medians, 0.975)];
}
