import type { ServiceId, ServiceRecord } from '@isthmus/model';

/**
 * Something that knows more of a service than its registry: who is really behind its addresses, what the checks found,
 * what Kubernetes says of it. The registry's own words stay as they are (and in the ledger); what callers see is `view`.
 *
 * Every method adds the services whose view changed to `dirty`; the one that was put or dropped is dirty anyway.
 */
export interface RecordOverlay {
  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void;
  drop(id: ServiceId, dirty: Set<ServiceId>): void;
  /** The same object when there is nothing to say; undefined: nothing of it is published under its own host. */
  view(id: ServiceId, record: ServiceRecord): ServiceRecord | undefined;
}
