import type { Diagnostic, HeldRemoval, Scope, ServiceId, ServiceRecord, SourceStatus } from '@isthmus/model';

/** What the catalog knows of one scope. */
export interface ScopeState {
  readonly scope: Scope;
  status: SourceStatus;
  /** When the status last changed, ms. */
  statusSince: number;
  /** When it was last completely read, ms; undefined: never in this process. */
  lastSync: number | undefined;
  readonly records: Map<ServiceId, KnownRecord>;
  /** Removals that wait: what each service becomes when they are let through (undefined: gone). */
  held: { readonly removal: HeldRemoval; readonly targets: Map<ServiceId, ServiceRecord | undefined> } | undefined;
  diagnostics: readonly Diagnostic[];
}

export interface KnownRecord {
  readonly record: ServiceRecord;
  /** When what the registry says of it last changed, ms. */
  readonly changedAt: number;
  /** From the ledger, not said by the registry since this process started. */
  readonly restored: boolean;
}
