/**
 * Eureka's appsHashCode (`AbstractInstanceRegistry`, `Applications.getReconcileHashCode`): how many instances there are
 * in each status, in the order of the statuses: `DOWN_2_UP_3_`. It says when a delta was missed; it does not see a
 * change that leaves the counts alone.
 */
export class StatusCounts {
  readonly #counts = new Map<string, number>();

  add(status: string, by: number): void {
    this.#counts.set(status, (this.#counts.get(status) ?? 0) + by);
  }

  /** What has to be added to these counts to get the server's: instances that it has and that could not be read here. */
  missingFrom(hash: string): StatusCounts {
    const missing = StatusCounts.parse(hash);
    for (const [status, count] of this.#counts) missing.add(status, -count);
    return missing;
  }

  plus(other: StatusCounts): StatusCounts {
    const sum = new StatusCounts();
    for (const counts of [this.#counts, other.#counts]) for (const [status, count] of counts) sum.add(status, count);
    return sum;
  }

  hash(): string {
    return [...this.#counts]
      .filter(([, count]) => count !== 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([status, count]) => `${status}_${count}_`)
      .join('');
  }

  static parse(hash: string): StatusCounts {
    const counts = new StatusCounts();
    // A status holds underscores itself (OUT_OF_SERVICE_1_).
    for (const [, status, count] of hash.matchAll(/([A-Z_]+?)_(\d+)_/g)) counts.add(status as string, Number(count));
    return counts;
  }
}
