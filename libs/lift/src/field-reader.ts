import type { FieldReport, Fidelity } from './mesh-policy.ts';

/** The options of one policy, each reported once; what nobody asked for is reported as left out. */
export class FieldReader {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();
  readonly fields: FieldReport[] = [];

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#options = options;
  }

  has(field: string): boolean {
    return this.#options[field] !== undefined && this.#options[field] !== null;
  }

  /** As it is written; not reported. */
  raw(field: string): unknown {
    this.#asked.add(field);
    return this.#options[field];
  }

  /** A number that is 0 or more, or a text of one; undefined where it is missing, `fallback` in its place. */
  number(field: string, fallback?: number): number | undefined {
    const value = this.raw(field);
    if (value === undefined || value === null) return fallback;
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
    this.say(field, 'blocked', 'it is no number');
    return undefined;
  }

  say(field: string, fidelity: Fidelity, how: string, to?: string): void {
    this.#asked.add(field);
    const report = { field, value: this.#options[field], fidelity, how };
    this.fields.push(to === undefined ? report : { ...report, to });
  }

  /** As `say`, of a field that is written only. */
  sayOf(field: string, fidelity: Fidelity, how: string, to?: string): void {
    if (this.has(field)) this.say(field, fidelity, how, to);
    else this.#asked.add(field);
  }

  /** Decides nothing about calls. */
  ignore(...fields: readonly string[]): void {
    for (const field of fields) this.#asked.add(field);
  }

  /** The reports, with one for each option that nobody knows. */
  finish(): readonly FieldReport[] {
    for (const field of Object.keys(this.#options))
      if (!this.#asked.has(field)) this.say(field, 'lossy', 'this option is not known here, and left out');
    return this.fields;
  }
}

/** opossum and Sentinel open above a share, Envoy ejects at or above one, in whole percents. */
export function aboveShare(percent: number): number {
  return Math.min(100, Math.floor(percent) + 1);
}

export const PER_HOST = 'for each instance and sidecar, not for the service and process';
export const SWEPT = 'looked at once an interval, not rolling';
export const NO_HALF_OPEN = 'an instance comes back at full traffic: Envoy has no half-open probe';
