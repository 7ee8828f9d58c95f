import type { Handler } from './falling-handler.ts';

/** What undici's dispatchers have in common, 5 to 8. */
export interface DispatchOptions {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly upgrade?: unknown;
}

export type Dispatch = (options: DispatchOptions, handler: Handler) => boolean;

export interface Dispatcher {
  dispatch: Dispatch;
}

export interface PlaceOfOrigin {
  readonly host: string;
  readonly port: number;
  /** HTTPS. */
  readonly secure: boolean;
}
