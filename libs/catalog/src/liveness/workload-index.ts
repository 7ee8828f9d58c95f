import type { Workload } from '@isthmus/model';
import { namesOf } from './ownership.ts';
import type { OwnershipRules } from './ownership.ts';

/** What a change of the workloads may concern. */
export interface Touched {
  readonly addresses: Set<string>;
  /** Names that some Pod goes by now and none did before, or the other way round. */
  readonly names: Set<string>;
  /** Ids of the workloads themselves. */
  readonly workloads: Set<string>;
}

export function nothingTouched(): Touched {
  return { addresses: new Set(), names: new Set(), workloads: new Set() };
}

/** Pods taken between two chances for the event loop (about 1 ms). */
const STEP = 500;

/** The Pods of one cluster, by address and by the names that they go by. */
export class WorkloadIndex {
  readonly #rules: OwnershipRules;
  readonly #byId = new Map<string, Workload>();
  readonly #byAddress = new Map<string, Set<string>>();
  readonly #byName = new Map<string, Set<string>>();

  constructor(rules: OwnershipRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Workload | undefined {
    return this.#byId.get(id);
  }

  /** Sorted by id, so that what is made of it does not depend on who came first. */
  at(address: string): readonly Workload[] {
    return this.#resolve(this.#byAddress.get(address));
  }

  named(name: string): readonly Workload[] {
    return this.#resolve(this.#byName.get(name));
  }

  isNamed(name: string): boolean {
    return this.#byName.has(name);
  }

  put(workload: Workload, touched: Touched): void {
    const before = this.#byId.get(workload.id);
    touched.workloads.add(workload.id);
    this.#byId.set(workload.id, workload);
    const names = namesOf(workload, this.#rules);
    for (const address of workload.addresses) {
      touched.addresses.add(address);
      link(this.#byAddress, address, workload.id);
    }
    for (const name of names) if (link(this.#byName, name, workload.id)) touched.names.add(name);
    if (before === undefined) return;
    const stays = new Set(workload.addresses);
    for (const address of before.addresses) if (!stays.has(address)) this.#unlinkAddress(address, workload.id, touched);
    for (const name of namesOf(before, this.#rules)) {
      if (!names.includes(name) && unlink(this.#byName, name, workload.id)) touched.names.add(name);
    }
  }

  remove(id: string, touched: Touched): void {
    const before = this.#byId.get(id);
    if (before === undefined) return;
    touched.workloads.add(id);
    this.#byId.delete(id);
    for (const address of before.addresses) this.#unlinkAddress(address, id, touched);
    for (const name of namesOf(before, this.#rules)) if (unlink(this.#byName, name, id)) touched.names.add(name);
  }

  /** A complete read, in steps: what is not in it is gone. What comes is put first, so that no address looks abandoned. */
  *replace(workloads: ReadonlyMap<string, Workload>, touched: Touched): Generator<void> {
    let seen = 0;
    for (const workload of workloads.values()) {
      this.put(workload, touched);
      seen += 1;
      if (seen % STEP === 0) yield;
    }
    for (const id of [...this.#byId.keys()]) if (!workloads.has(id)) this.remove(id, touched);
  }

  #resolve(ids: ReadonlySet<string> | undefined): readonly Workload[] {
    if (ids === undefined) return [];
    return [...ids].sort().flatMap((id) => this.#byId.get(id) ?? []);
  }

  #unlinkAddress(address: string, id: string, touched: Touched): void {
    touched.addresses.add(address);
    unlink(this.#byAddress, address, id);
  }
}

/** True when it is the first under this key. */
function link(index: Map<string, Set<string>>, key: string, id: string): boolean {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, new Set([id]));
  else ids.add(id);
  return ids === undefined;
}

/** True when it was the last under this key. */
function unlink(index: Map<string, Set<string>>, key: string, id: string): boolean {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size !== 0) return false;
  index.delete(key);
  return true;
}
