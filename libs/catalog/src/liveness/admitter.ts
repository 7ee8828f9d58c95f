import { addressKey, serviceId } from '@isthmus/model';
import type { Endpoint, ServiceId, ServiceRecord } from '@isthmus/model';
import { Admissions, admittedEndpoint } from './admission.ts';
import type { AdmissionRule } from './admission.ts';
import type { Listing, Listings } from './listings.ts';
import { namesOf, ownershipName } from './ownership.ts';
import type { OwnershipRules } from './ownership.ts';
import type { WorkloadIndex } from './workload-index.ts';

export interface AdmitterParts {
  readonly rules: readonly AdmissionRule[];
  readonly ownership: OwnershipRules;
  readonly workloads: WorkloadIndex;
  readonly listings: Listings;
  readonly recordOf: (id: ServiceId) => ServiceRecord | undefined;
}

/** Decides which Ready Pods get traffic before their registry lists them. The work is that of the Pods of one name. */
export class Admitter {
  readonly #parts: AdmitterParts;
  readonly #admissions = new Admissions();

  constructor(parts: AdmitterParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#admissions.size;
  }

  /** What a service has beside what its registry lists. */
  *of(id: ServiceId): Generator<Endpoint> {
    const listed = this.#parts.listings.of(id);
    for (const endpoint of this.#admissions.of(id)) if (!listed.has(addressKey(endpoint))) yield endpoint;
  }

  drop(id: ServiceId): void {
    this.#admissions.drop(id);
  }

  /** After a Pod came, changed or went. */
  workloadChanged(pod: string, dirty: Set<ServiceId>): void {
    const { rules, workloads, listings, ownership } = this.#parts;
    if (rules.length === 0) return;
    const services = new Set(this.#admissions.servicesOf(pod));
    const workload = workloads.get(pod);
    if (workload !== undefined) {
      for (const name of namesOf(workload, ownership)) for (const id of listings.named(name)) services.add(id);
    }
    for (const id of services) {
      const was = this.#admissions.addressOf(id, pod);
      this.#decide(id, pod, dirty);
      // A Pod that took over the address of one which is still known may have been the one admitted there.
      for (const other of was === undefined ? [] : workloads.at(was)) if (other.id !== pod) this.#decide(id, other.id, dirty);
    }
  }

  /** After listings of a service came or went: the Pods there; all Pods of its name when all of it is new. */
  listingChanged(record: ServiceRecord, changed: readonly Listing[], dirty: Set<ServiceId>): void {
    const { rules, workloads, listings } = this.#parts;
    if (rules.length === 0) return;
    const id = serviceId(record.key);
    const pods = new Set(changed.flatMap((listing) => workloads.at(listing.endpoint.address)).map((workload) => workload.id));
    if (changed.length >= listings.of(id).size) {
      for (const workload of workloads.named(ownershipName(record.key.name))) pods.add(workload.id);
      for (const pod of this.#admissions.podsOf(id)) pods.add(pod);
    }
    for (const pod of pods) this.#decide(id, pod, dirty);
  }

  #decide(id: ServiceId, pod: string, dirty: Set<ServiceId>): void {
    const { rules, workloads, listings, ownership, recordOf } = this.#parts;
    const record = recordOf(id);
    const rule = record && rules.find((candidate) => candidate.matches(record.key));
    if (rule === undefined || record === undefined) return;
    const workload = workloads.get(pod);
    const endpoint = workload && admittedEndpoint(workload, record, rule, ownership);
    const listed = endpoint !== undefined && listings.of(id).has(addressKey(endpoint));
    if (this.#admissions.set(id, pod, listed ? undefined : endpoint)) dirty.add(id);
  }
}
