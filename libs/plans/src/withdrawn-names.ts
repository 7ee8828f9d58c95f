/** What the processes of a service keep out of a registry. */
export interface WithdrawnName {
  /** As the registry has it, and as its agents are called. */
  readonly service: string;
  readonly sdkName: string;
  /** The registry lists it all the same. */
  readonly isListed: boolean;
}

/** By plan and by service; who is told of a service hears only of its own changes. */
export class WithdrawnNames {
  readonly #plans = new Map<string, readonly WithdrawnName[]>();
  readonly #listeners = new Set<(service: string) => void>();

  of(service: string): readonly string[] {
    return sdkNames(this.#of(service));
  }

  listedOf(service: string): readonly string[] {
    return sdkNames(this.#of(service).filter(({ isListed }) => isListed));
  }

  set(plan: string, names: readonly WithdrawnName[]): void {
    const before = this.#plans.get(plan) ?? [];
    if (JSON.stringify(before) === JSON.stringify(names)) return;
    if (names.length === 0) this.#plans.delete(plan);
    else this.#plans.set(plan, names);
    const services = new Set([...before, ...names].map(({ service }) => service));
    for (const service of services) for (const listener of this.#listeners) listener(service);
  }

  #of(service: string): readonly WithdrawnName[] {
    return [...this.#plans.values()].flat().filter((one) => one.service === service);
  }

  onChange(listener: (service: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function sdkNames(names: readonly WithdrawnName[]): readonly string[] {
  return [...new Set(names.map(({ sdkName }) => sdkName))].sort();
}
