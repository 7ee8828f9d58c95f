import { isReached, labPaths, walk, type Hop, type LabPath } from './hop.ts';

export interface InstanceShare {
  readonly instance: string;
  readonly version: string;
  /** Of the service's calls by this path; 0 to 1. */
  readonly share: number;
}

export interface PathTraffic {
  readonly perSecond: number;
  /** Checkouts in the window in which some call failed. */
  readonly errors: number;
  readonly errorsSinceStart: number;
  readonly lastError: string | undefined;
  /** By service, instances in the order of their addresses. */
  readonly services: ReadonlyMap<string, readonly InstanceShare[]>;
  /** Services that nobody knows by this path (yet). */
  readonly pending: ReadonlyMap<string, string>;
}

export type Traffic = Readonly<Record<LabPath, PathTraffic>>;

interface Bucket {
  readonly second: number;
  readonly paths: Readonly<Record<LabPath, BucketPath>>;
}

interface BucketPath {
  calls: number;
  errors: number;
  lastError: string | undefined;
  readonly hits: Map<string, { readonly service: string; readonly instance: string; readonly version: string; count: number }>;
  readonly pending: Map<string, string>;
}

/** What went where during the last seconds. */
export class TrafficStats {
  readonly #now: () => number;
  readonly #windowSeconds: number;
  #buckets: readonly Bucket[] = [];
  readonly #errorsSinceStart: Record<LabPath, number> = { sdk: 0, mesh: 0 };

  /** `now` in milliseconds; only differences count. */
  constructor(now: () => number, windowSeconds = 10) {
    this.#now = now;
    this.#windowSeconds = windowSeconds;
  }

  record(path: LabPath, hop: Hop): void {
    const bucket = this.#present().paths[path];
    bucket.calls += 1;
    let failed: string | undefined;
    for (const part of walk(hop)) {
      if (isReached(part)) {
        if (part.transport === undefined) count(bucket, part.service, part.instance, part.version);
      } else if (part.pending) bucket.pending.set(part.service, part.unavailable);
      else failed ??= `${part.service}: ${part.unavailable}`;
    }
    if (failed === undefined) return;
    bucket.errors += 1;
    this.#errorsSinceStart[path] += 1;
    bucket.lastError = failed;
  }

  traffic(): Traffic {
    this.#forgetOld();
    return Object.fromEntries(labPaths.map((path) => [path, this.#sum(path)])) as unknown as Traffic;
  }

  #sum(path: LabPath): PathTraffic {
    const parts = this.#buckets.map((bucket) => bucket.paths[path]);
    const total: BucketPath = emptyPath();
    for (const part of parts) {
      total.calls += part.calls;
      total.errors += part.errors;
      total.lastError = part.lastError ?? total.lastError;
      for (const hit of part.hits.values()) count(total, hit.service, hit.instance, hit.version, hit.count);
    }
    // Only what the latest second says: what was missing before may be there now.
    for (const [service, reason] of parts.at(-1)?.pending ?? []) total.pending.set(service, reason);
    // The present second is not over: counted as a whole one it would show too few.
    const whole = this.#buckets.slice(0, -1);
    const seconds = whole.length;
    const calls = whole.reduce((sum, bucket) => sum + bucket.paths[path].calls, 0);
    return {
      perSecond: seconds === 0 ? total.calls : calls / seconds,
      errors: total.errors,
      errorsSinceStart: this.#errorsSinceStart[path],
      lastError: total.lastError,
      services: shares(total),
      pending: total.pending,
    };
  }

  #present(): Bucket {
    this.#forgetOld();
    const second = Math.floor(this.#now() / 1000);
    const last = this.#buckets.at(-1);
    if (last?.second === second) return last;
    const bucket: Bucket = { second, paths: { sdk: emptyPath(), mesh: emptyPath() } };
    this.#buckets = [...this.#buckets, bucket];
    return bucket;
  }

  #forgetOld(): void {
    const oldest = Math.floor(this.#now() / 1000) - this.#windowSeconds;
    this.#buckets = this.#buckets.filter(({ second }) => second >= oldest);
  }
}

function emptyPath(): BucketPath {
  return { calls: 0, errors: 0, lastError: undefined, hits: new Map(), pending: new Map() };
}

function count(bucket: BucketPath, service: string, instance: string, version: string, by = 1): void {
  const key = `${service} ${instance}`;
  const hit = bucket.hits.get(key);
  if (hit === undefined) bucket.hits.set(key, { service, instance, version, count: by });
  else hit.count += by;
}

function shares({ hits }: BucketPath): ReadonlyMap<string, readonly InstanceShare[]> {
  const byService = new Map<string, InstanceShare[]>();
  const totals = new Map<string, number>();
  for (const { service, count: hitCount } of hits.values()) totals.set(service, (totals.get(service) ?? 0) + hitCount);
  for (const { service, instance, version, count: hitCount } of hits.values()) {
    const list = byService.get(service) ?? [];
    list.push({ instance, version, share: hitCount / (totals.get(service) ?? 1) });
    byService.set(service, list);
  }
  for (const list of byService.values()) list.sort((a, b) => (a.instance < b.instance ? -1 : 1));
  return new Map([...byService].sort(([a], [b]) => (a < b ? -1 : 1)));
}
