/** Of Envoy's outlier detection what `lift` writes. Times are ms. */
export interface OutlierOptions {
  /** 0: not for errors in a row. */
  readonly consecutive5xx: number;
  /** Undefined: not for a share of errors. */
  readonly failurePercentage?: number;
  readonly requests: number;
  readonly minimumHosts: number;
  readonly interval: number;
  readonly baseEjectionTime: number;
  readonly maxEjectionTime: number;
  /** 0–100. */
  readonly maxEjectionPercent: number;
}

interface Host {
  requests: number;
  failures: number;
  row: number;
  /** How often, less one for each interval that it was well. */
  ejections: number;
  ejectedAt: number | undefined;
}

export interface Ejection {
  readonly at: number;
  readonly host: string;
  readonly kind: 'ejected' | 'back';
}

/**
 * One sidecar's outlier detection (source/common/upstream/outlier_detection_impl.cc): errors in a row eject at once; shares of errors,
 * and the way back, are looked at once an interval, counted from the cluster's making at 0. No half-open state: a host that is back
 * has all of its traffic.
 */
export class EnvoyModel {
  readonly #options: OutlierOptions;
  readonly #hosts = new Map<string, Host>();
  readonly ejections: Ejection[] = [];
  #sweeps = 0;

  constructor(options: OutlierOptions, hosts: readonly string[]) {
    this.#options = options;
    for (const host of hosts) this.#hosts.set(host, { requests: 0, failures: 0, row: 0, ejections: 0, ejectedAt: undefined });
  }

  /** Hosts that are called now. @param at not before the last one's */
  healthyAt(at: number): readonly string[] {
    this.#sweepUntil(at);
    return [...this.#hosts].flatMap(([name, { ejectedAt }]) => (ejectedAt === undefined ? [name] : []));
  }

  /** A call that a host answered. */
  answered(at: number, name: string, ok: boolean): void {
    this.#sweepUntil(at);
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    host.requests += 1;
    host.failures += ok ? 0 : 1;
    host.row = ok ? 0 : host.row + 1;
    const { consecutive5xx } = this.#options;
    if (consecutive5xx > 0 && host.row >= consecutive5xx) this.#eject(at, name, host);
  }

  #sweepUntil(at: number): void {
    const { interval } = this.#options;
    while ((this.#sweeps + 1) * interval <= at) {
      this.#sweeps += 1;
      this.#sweep(this.#sweeps * interval);
    }
  }

  #sweep(at: number): void {
    for (const [name, host] of this.#hosts) this.#comeBack(at, name, host);
    const { failurePercentage, requests, minimumHosts } = this.#options;
    const judged = [...this.#hosts].filter(([, host]) => host.ejectedAt === undefined && host.requests > 0 && host.requests >= requests); // prettier-ignore
    if (failurePercentage !== undefined && judged.length >= minimumHosts)
      for (const [name, host] of judged)
        if ((host.failures / host.requests) * 100 >= failurePercentage) this.#eject(at, name, host);
    for (const host of this.#hosts.values()) Object.assign(host, { requests: 0, failures: 0 });
  }

  #comeBack(at: number, name: string, host: Host): void {
    if (host.ejectedAt === undefined) {
      host.ejections = Math.max(0, host.ejections - 1);
      return;
    }
    const { baseEjectionTime, maxEjectionTime } = this.#options;
    const longest = Math.max(maxEjectionTime, baseEjectionTime);
    if (at - host.ejectedAt < Math.min(baseEjectionTime * host.ejections, longest)) return;
    Object.assign(host, { ejectedAt: undefined, row: 0 });
    this.ejections.push({ at, host: name, kind: 'back' });
  }

  #eject(at: number, name: string, host: Host): void {
    if (host.ejectedAt !== undefined) return;
    const out = [...this.#hosts.values()].filter(({ ejectedAt }) => ejectedAt !== undefined).length;
    // One host may always go, whatever the share.
    if (out > 0 && ((out + 1) / this.#hosts.size) * 100 > this.#options.maxEjectionPercent) return;
    host.ejectedAt = at;
    host.ejections += 1;
    host.row = 0;
    this.ejections.push({ at, host: name, kind: 'ejected' });
  }
}
