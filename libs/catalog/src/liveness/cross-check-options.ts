import type { Clock, Ledger, ServiceKey, SourceId } from '@isthmus/model';
import type { AdmissionRule } from './admission.ts';
import type { EvictionGuardOptions } from './eviction-guard.ts';
import type { OwnershipRules } from './ownership.ts';

export interface CrossCheckOptions {
  /** The registry (of Kubernetes) whose Pods are asked. */
  readonly source: SourceId;
  /** Services of the registries that are checked. */
  readonly matches: (key: ServiceKey) => boolean;
  /** CIDRs in which every address is a Pod's. Empty: only addresses that a Pod was seen to have are judged. */
  readonly podCidrs: readonly string[];
  readonly ownership: OwnershipRules;
  readonly admit: readonly AdmissionRule[];
  readonly guard: EvictionGuardOptions;
  readonly ledger: Ledger;
  readonly clock: Clock;
}
