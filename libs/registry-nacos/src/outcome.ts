import type { Diagnostic } from '@isthmus/model';
import type { ServiceRead } from '@isthmus/registry';

/** What came of reading one service. */
export type ServiceOutcome =
  | { readonly kind: 'read'; readonly read: ServiceRead }
  /** An answer came and makes no sense: it costs this record, the scope is still complete. */
  | { readonly kind: 'unreadable'; readonly diagnostic: Diagnostic; readonly tooLarge: boolean }
  /** No answer, or a refusal: the scope is partial until it works. */
  | { readonly kind: 'failed'; readonly why: string };
