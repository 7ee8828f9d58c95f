import { parseDeclaredHost, serviceId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { buildEndpoint } from './build-endpoint.ts';
import { MOST_ENDPOINTS, buildRecord } from './build-record.ts';
import type { RecordResult } from './build-record.ts';
import { EndpointTable } from './endpoint-table.ts';
import { instancesOf, joinEntries, serviceEntryRecord } from './service-entry-record.ts';
import type { JoinedEntries, PlainServiceEntry, PlainWorkload } from './service-entry-record.ts';
import { bounded } from './shared-address.ts';

/**
 * The record of a host while its entries stay as they are and the workloads that they select come and go: one among thousands costs one.
 * It is what `serviceEntryRecord` makes of them. Other entries are another `ServiceEntryHost`.
 */
export class ServiceEntryHost {
  readonly #key: ServiceKey;
  readonly #entries: readonly PlainServiceEntry[];
  readonly #workloads: (entry: PlainServiceEntry) => Iterable<PlainWorkload>;
  readonly #joined: JoinedEntries;
  readonly #table: EndpointTable;

  /** @param workloads those that an entry selects now */
  constructor(
    key: ServiceKey,
    entries: readonly PlainServiceEntry[],
    workloads: (entry: PlainServiceEntry) => Iterable<PlainWorkload>,
  ) {
    this.#key = key;
    this.#entries = entries;
    this.#workloads = workloads;
    this.#joined = joinEntries(key, entries);
    this.#table = new EndpointTable(serviceId(key));
  }

  /** Whether a change of one workload costs less than all anew. */
  get isKept(): boolean {
    return this.#joined.members.some(isOneByOne);
  }

  /** Takes all that there are, in small steps. Nothing may change meanwhile. */
  *fill(): Generator<void> {
    for (const [rank, entry] of this.#joined.members.entries()) {
      if (isOneByOne(entry))
        for (const workload of this.#workloads(entry)) {
          this.#put(rank, entry, workload.name, [workload]);
          yield;
        }
      else this.#put(rank, entry, '', this.#workloads(entry));
    }
  }

  /** One that an entry selects has come, has changed or (undefined) has gone, or is selected no more. */
  change(entry: PlainServiceEntry, name: string, workload: PlainWorkload | undefined): void {
    const rank = this.#joined.members.indexOf(entry);
    if (rank === -1) return; // of a namespace that does not count for this host
    if (isOneByOne(entry)) this.#put(rank, entry, name, workload === undefined ? [] : [workload]);
    else this.#put(rank, entry, '', this.#workloads(entry));
  }

  record(): RecordResult {
    if (this.#table.size > MOST_ENDPOINTS) return serviceEntryRecord(this.#key, this.#entries, this.#workloads);
    const { diagnostics = [], ...declared } = this.#joined.declared;
    const result = buildRecord(this.#key, parseDeclaredHost(this.#key.name), [], declared);
    if ('rejected' in result) return result;
    const all = bounded(serviceId(this.#key), [...diagnostics, ...this.#table.diagnostics()]);
    return { record: { ...result.record, endpoints: this.#table.endpoints(), diagnostics: all } };
  }

  #put(rank: number, entry: PlainServiceEntry, name: string, workloads: Iterable<PlainWorkload>): void {
    const where = serviceId(this.#key);
    const built = instancesOf(entry, this.#joined.ports, workloads).map((raw) => buildEndpoint(raw, where));
    this.#table.put(`${rank} ${name}`, rank, [...built]);
  }
}

/** Of DNS_ROUND_ROBIN one of all counts; endpoints that the entry itself has come and go with it. */
function isOneByOne({ selector, resolution }: PlainServiceEntry): boolean {
  return selector !== undefined && resolution !== 'dns-round-robin';
}
