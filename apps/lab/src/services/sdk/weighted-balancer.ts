import type { Instance } from './discovery.ts';

/**
 * Smooth weighted round robin, as nginx and most clients with weights do it: shares are exact over one turn, and the heaviest instance
 * does not get its calls in a row. With equal weights it is plain round robin.
 */
export class WeightedBalancer {
  #credits = new Map<string, number>();

  pick(instances: readonly Instance[]): Instance | undefined {
    const credits = new Map<string, number>();
    let total = 0;
    let best: Instance | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const instance of instances) {
      if (instance.weight <= 0) continue;
      total += instance.weight;
      const credit = (this.#credits.get(addressOf(instance)) ?? 0) + instance.weight;
      credits.set(addressOf(instance), credit);
      if (credit > most) {
        most = credit;
        best = instance;
      }
    }
    if (best !== undefined) credits.set(addressOf(best), most - total);
    this.#credits = credits; // who has left is forgotten
    return best;
  }
}

export function addressOf({ host, port }: Pick<Instance, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
