import type { Ledger, SourceId } from '@isthmus/model';
import { addressKey } from './sink-plan.ts';
import type { PlannedStep } from './sink-plan.ts';
import { publicationId } from './registry-sink.ts';
import type { Publication, PublicationState, PublishedInstance, PublishedName } from './registry-sink.ts';

/** What is wanted of one sink and what it has written; the latter is in the ledger, so that it outlives the process. */
export class SinkBook {
  readonly #sink: SourceId;
  readonly #ledger: Ledger;
  readonly #wanted = new Map<string, Publication>();
  readonly #written = new Map<string, Publication>();
  readonly #states = new Map<string, PublicationState>();
  /** Wanted anew since it was last written successfully. */
  readonly #changed = new Set<string>();

  constructor(sink: SourceId, ledger: Ledger) {
    this.#sink = sink;
    this.#ledger = ledger;
    this.reload();
  }

  /** What the ledger says that is written, by this process, an earlier one or another replica. */
  reload(): void {
    this.#written.clear();
    for (const publication of writtenPublications(this.#ledger, this.#sink)) {
      this.#written.set(publicationId(publication.at), publication);
    }
    for (const id of this.ids()) this.#setState(id, 'pending', [], undefined);
  }

  /** False when nothing changes by it. */
  want(id: string, publication: Publication | undefined): boolean {
    const before = this.#wanted.get(id);
    if (publication === undefined ? before === undefined : before !== undefined && sameContent(before, publication)) return false;
    if (publication === undefined) this.#wanted.delete(id);
    else this.#wanted.set(id, publication);
    this.#changed.add(id);
    this.#setState(id, 'pending', this.#states.get(id)?.taken ?? [], undefined);
    return true;
  }

  wanted(id: string): Publication | undefined {
    return this.#wanted.get(id);
  }

  written(id: string): Publication | undefined {
    return this.#written.get(id);
  }

  /** Where it is, wanted or written. */
  at(id: string): PublishedName | undefined {
    return (this.#wanted.get(id) ?? this.#written.get(id))?.at;
  }

  hasChanged(id: string): boolean {
    return this.#changed.has(id);
  }

  ids(): ReadonlySet<string> {
    return new Set([...this.#wanted.keys(), ...this.#written.keys()]);
  }

  get isEmpty(): boolean {
    return this.#wanted.size === 0 && this.#written.size === 0;
  }

  writtenOnes(): Iterable<readonly [string, Publication]> {
    return this.#written.entries();
  }

  /** Before writing: a bridge that dies in the middle must find afterwards what it may have written. @returns what is wanted */
  intend(id: string): Publication | undefined {
    const wanted = this.#wanted.get(id);
    const written = this.#written.get(id);
    if (wanted === undefined || wanted === written) return wanted;
    const kept = (written?.instances ?? []).filter((old) => !wanted.instances.some((w) => addressKey(w) === addressKey(old)));
    this.#setWritten(id, kept.length === 0 ? wanted : { ...wanted, instances: [...wanted.instances, ...kept] });
    return wanted;
  }

  /** After all steps were done. @param wanted what they were planned for; it may be another by now */
  done(id: string, wanted: Publication | undefined, steps: readonly PlannedStep[]): void {
    const stays = new Set(steps.flatMap((s) => (REMAINS[s.action] ? [addressKey(s.entry)] : [])));
    const known = [...(wanted?.instances ?? []), ...(this.#written.get(id)?.instances ?? [])];
    const instances = firstOfEach(known).filter((instance) => stays.has(addressKey(instance)));
    const publication = wanted ?? this.#written.get(id);
    if (instances.length === 0 || publication === undefined) this.#setWritten(id, undefined);
    else this.#setWritten(id, instances.length === wanted?.instances.length ? wanted : { ...publication, instances });
    const taken = steps.filter((s) => s.action === 'leave').map((s) => `${s.entry.address}:${s.entry.port}`);
    if (this.#wanted.get(id) !== wanted) return this.#setState(id, 'pending', taken, undefined);
    this.#changed.delete(id);
    this.#setState(id, wanted === undefined ? 'waiting' : 'published', taken, undefined);
  }

  failed(id: string, cause: string): void {
    this.#setState(id, 'failed', this.#states.get(id)?.taken ?? [], cause);
  }

  states(): Iterable<PublicationState> {
    return this.#states.values();
  }

  state(id: string): PublicationState | undefined {
    return this.#states.get(id);
  }

  #setWritten(id: string, publication: Publication | undefined): void {
    if (this.#written.get(id) === publication) return;
    const key = `${this.#sink}/${id}`;
    if (publication === undefined) {
      this.#written.delete(id);
      this.#ledger.delete('publication', key);
    } else {
      this.#written.set(id, publication);
      this.#ledger.put('publication', key, publication);
    }
  }

  #setState(id: string, state: PublicationState['state'], taken: readonly string[], cause: string | undefined): void {
    const publication = this.#wanted.get(id) ?? this.#written.get(id);
    if (publication === undefined) {
      this.#states.delete(id);
      return;
    }
    const { host, at } = publication;
    const entries = (this.#written.get(id)?.instances ?? []).map(({ address, port }) => ({ address, port }));
    this.#states.set(id, { id, at, host, state, entries, taken, ...(cause === undefined ? {} : { cause }) });
  }
}

const REMAINS: Readonly<Record<PlannedStep['action'], boolean>> = {
  register: true,
  change: true,
  keep: true,
  wait: true,
  deregister: false,
  leave: false,
};

/** What the ledger says that was written into a registry. */
export function writtenPublications(ledger: Ledger, sink: SourceId): readonly Publication[] {
  return [...ledger.entries('publication')].flatMap(([key, value]) => (key.startsWith(`${sink}/`) ? [value as Publication] : []));
}

function firstOfEach(instances: readonly PublishedInstance[]): readonly PublishedInstance[] {
  return [...new Map(instances.toReversed().map((instance) => [addressKey(instance), instance])).values()].reverse();
}

/** Publications are plain JSON with a fixed order of fields. */
function sameContent(a: Publication, b: Publication): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
