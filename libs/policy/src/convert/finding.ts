import type { ConfigPath } from '@isthmus/config';

/** One thing to say of an object that is converted, before its place is known. */
export interface Finding {
  /** `warning`: something is lost; the rest is converted. */
  readonly severity: 'error' | 'warning';
  /** Keys and indexes within the object as users write them: `['spec', 'rules', 0, 'host']`. */
  readonly path: ConfigPath;
  /** Without the name of the field: `is "a", which is no path`. */
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** A place in an object while it is read: has the value there, and collects what is to say of it. */
export class Reader {
  readonly value: unknown;
  readonly #findings: Finding[];
  readonly #path: ConfigPath;

  constructor(value: unknown, findings: Finding[], path: ConfigPath = []) {
    this.value = value;
    this.#findings = findings;
    this.#path = path;
  }

  at(key: string): Reader {
    const value = isRecord(this.value) ? this.value[key] : undefined;
    return new Reader(value ?? undefined, this.#findings, [...this.#path, key]);
  }

  isThere(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** The items of a list; none where there is nothing, or no list, which is an error. */
  items(): readonly Reader[] {
    if (!this.isThere()) return [];
    if (Array.isArray(this.value))
      return this.value.map((item: unknown, i) => new Reader(item, this.#findings, [...this.#path, i]));
    this.refuse(`is ${show(this.value)}`, 'use a list');
    return [];
  }

  /** A text; empty where there is nothing, or no text, which is an error. */
  text(): string {
    if (typeof this.value === 'string') return this.value;
    if (this.isThere()) this.refuse(`is ${show(this.value)}`, 'use a text');
    return '';
  }

  refuse(what: string, remedy: string, why = 'Kubernetes would refuse the Ingress'): void {
    this.#findings.push({ severity: 'error', path: this.#path, what, why, remedy });
  }

  warn(what: string, why: string, remedy: string): void {
    this.#findings.push({ severity: 'warning', path: this.#path, what, why, remedy });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value, short. */
export function show(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'empty';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}
