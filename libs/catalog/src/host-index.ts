import type { MeshHost, ServiceId, ServiceRecord } from '@isthmus/model';
import type { CompiledRules } from './merge-rules.ts';

/** From keys to hosts and back: which hosts a change of one key makes dirty. */
export class HostIndex {
  readonly #rules: CompiledRules;
  readonly #hostOf = new Map<ServiceId, MeshHost>();
  readonly #idsOf = new Map<MeshHost, Set<ServiceId>>();

  constructor(rules: CompiledRules) {
    this.#rules = rules;
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<MeshHost>): void {
    const { host } = this.#rules.hostOf(record);
    const before = this.#hostOf.get(id);
    if (before !== undefined && before !== host) this.remove(id, dirty);
    if (before !== host) {
      this.#hostOf.set(id, host);
      const ids = this.#idsOf.get(host);
      if (ids === undefined) this.#idsOf.set(host, new Set([id]));
      else ids.add(id);
    }
    dirty.add(host);
  }

  remove(id: ServiceId, dirty: Set<MeshHost>): void {
    const host = this.#hostOf.get(id);
    if (host === undefined) return;
    this.#hostOf.delete(id);
    const ids = this.#idsOf.get(host);
    ids?.delete(id);
    if (ids?.size === 0) this.#idsOf.delete(host);
    dirty.add(host);
  }

  hostOf(id: ServiceId): MeshHost | undefined {
    return this.#hostOf.get(id);
  }

  hosts(): Iterable<MeshHost> {
    return this.#idsOf.keys();
  }

  /** Sorted, so that what is made of them does not depend on who came first. */
  idsOf(host: MeshHost): readonly ServiceId[] {
    return [...(this.#idsOf.get(host) ?? [])].sort();
  }
}
