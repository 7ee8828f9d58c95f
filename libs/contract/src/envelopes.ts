import type { Diagnostic } from '@isthmus/model';

/** Every list has this shape, so that fields can be added beside the items. */
export interface ItemList<Item> {
  readonly items: readonly Item[];
}

/** `GET /api/v1/diagnostics` */
export interface DiagnosticList extends ItemList<Diagnostic> {
  /** How many of each code there are, the ones that are not listed included. */
  readonly counts: Readonly<Record<string, number>>;
}

/** `POST /api/v1/held/{scope}/release` */
export interface ReleaseAnswer {
  /** Endpoints that the release removed. */
  readonly released: number;
}

/** Every answer that is no success: RFC 9457, `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** What to do about it (an extension member, RFC 9457 section 3.2). */
  readonly remedy?: string;
}
