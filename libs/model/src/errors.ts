/** Codes of errors that stop something; records that are merely bad get a `Diagnostic` instead. */
export type ErrorCode =
  | 'config.invalid'
  | 'ledger.forbidden'
  | 'ledger.unreachable'
  | 'ledger.unreadable'
  | 'ledger.unwritable'
  | 'listen.refused'
  | 'registry.auth'
  | 'registry.protocol'
  | 'registry.timeout'
  | 'registry.too-large'
  | 'registry.unreachable'
  | 'toolchain.missing';

export interface ErrorDetails {
  /** file:line:col, or source, scope and key. */
  readonly where?: string;
  /** What follows from it for the user. */
  readonly meaning?: string;
  /** What to do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

// instanceof fails when two copies of this module are loaded (dist beside sources, jest's module registry).
const MARK = Symbol.for('isthmus.error');

/** An error that teaches: what happened, where, what it means and what to do. */
export class IsthmusError extends Error {
  readonly [MARK] = true;
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly meaning: string | undefined;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, what: string, details: ErrorDetails = {}) {
    super(what, details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'IsthmusError';
    this.code = code;
    this.where = details.where;
    this.meaning = details.meaning;
    this.remedy = details.remedy;
  }

  static is(value: unknown): value is IsthmusError {
    return typeof value === 'object' && value !== null && MARK in value;
  }

  /** One paragraph for a terminal. */
  explain(): string {
    const place = this.where === undefined ? '' : `${this.where}: `;
    const meaning = this.meaning === undefined ? '' : `; ${this.meaning}`;
    const remedy = this.remedy === undefined ? '' : `. Try: ${this.remedy}`;
    return `${place}${this.message}${meaning}${remedy} [${this.code}]`;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  if (IsthmusError.is(thrown)) return thrown.explain();
  return thrown instanceof Error ? thrown.message : String(thrown);
}
