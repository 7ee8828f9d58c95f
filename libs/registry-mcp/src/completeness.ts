import type { TypeUrl } from '@isthmus/model';
import type { Transport } from './answer.ts';
import { SERVICE_ENTRY, WORKLOAD_ENTRY } from './types.ts';

/** Delta may spread the first answer over several responses and does not say which is the last. */
const QUIET_MS = 50;
/** A server may leave a spelling that it does not know unanswered. */
const SETTLE_MS = 1_000;

/** When the answers of a new stream are all there is: the protocol itself does not say. */
export class Completeness {
  readonly #transport: Transport;
  readonly #answered = new Set<TypeUrl>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  note(type: TypeUrl): void {
    this.#answered.add(type);
  }

  get hasServices(): boolean {
    return SERVICE_ENTRY.some((type) => this.#answered.has(type));
  }

  /**
   * Milliseconds without a further answer after which what is there is complete; undefined while something is missing.
   * @param isSelecting ServiceEntries were sent whose endpoints are WorkloadEntries
   */
  quietFor(isSelecting: boolean): number | undefined {
    if (!this.hasServices) return undefined;
    if (isSelecting && !WORKLOAD_ENTRY.some((type) => this.#answered.has(type))) return undefined;
    const all = [...SERVICE_ENTRY, ...WORKLOAD_ENTRY].every((type) => this.#answered.has(type));
    return !all ? SETTLE_MS : this.#transport === 'delta' ? QUIET_MS : 0;
  }
}
