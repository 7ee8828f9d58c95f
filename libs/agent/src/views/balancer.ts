import type { ViewEndpoint } from '@isthmus/contract';
import type { Place } from '../sidecar-probe.ts';

/**
 * `weighted-random` as npm nacos picks, `round-robin` as callers of consul and eureka do, `least-outstanding`: of two picked by weight the one
 * with fewer calls under way for its weight (P2C), where no SDK picked before.
 */
export type Algorithm = 'weighted-random' | 'round-robin' | 'least-outstanding';

/** One instance that calls go to. */
export interface Instance extends Place {
  /** As a Host header has it: `10.0.0.7:8080`. */
  readonly authority: string;
  weight: number;
  zone: string;
  /** Calls under way; counted for `least-outstanding` only. */
  outstanding: number;
  /** Connections that failed in a row. */
  strikes: number;
  /** Not picked until then, ms of the balancer's clock. */
  downUntil: number;
}

export interface BalancerOptions {
  readonly algorithm: Algorithm;
  /** `region/zone` of this process, `''` where it is not known: all zones are equal then. */
  readonly zone: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** In [0, 1). A generator of the module by default: what a function returns that is not inlined costs heap for each call. */
  readonly random?: () => number;
}

let state = (Math.random() * 0xffff_fffe + 1) | 0;

/** Marsaglia's xorshift32. */
function drawn(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 0x1_0000_0000;
}

/** As Envoy's overprovisioning factor: a zone with 5 of 7 instances well keeps all of its calls, with less the rest spills over. */
const SPARE = 1.4;
/** An instance that refused, or that failed thrice, is left alone for so long. */
const DOWN_MS = 10_000;
const STRIKES = 3;
/** A certificate that has not the name by which the service is called: its instances have names of their own, and only the SDK knows them. */
const REFUSED_MS = 60_000;
/** More than this share down at once is rather the network here: then nobody is. */
const MOST_DOWN = 0.5;

/** Instances to pick from, with running sums of their weights; undefined where all weigh the same. */
interface Pool {
  readonly instances: readonly Instance[];
  readonly sums: Float64Array | undefined;
}

const NOBODY: Pool = { instances: [], sums: undefined };
/** An empty map or set is 200 bytes: of 500 targets without a view, three for each were a third of a megabyte. */
const NO_INSTANCES: ReadonlyMap<string, Instance> = new Map();

/** Picks an instance for each call of one target, from the mesh's view; makes nothing that is to be collected. */
export class Balancer {
  readonly algorithm: Algorithm;
  readonly #options: BalancerOptions;
  readonly #random: (() => number) | undefined;
  #instances: ReadonlyMap<string, Instance> = NO_INSTANCES;
  #own: Pool = NOBODY;
  #others: Pool = NOBODY;
  /** Share of the calls that stay in the own zone. */
  #ownShare = 0;
  /** Listed in the own zone, well or not. */
  #ownListed = 0;
  #turn = 0;
  /** When an instance that is down is to be tried again. */
  #nextUp = Number.POSITIVE_INFINITY;
  #listeners: Set<() => void> | undefined;
  /** Until when calls by these names are not to be picked for, ms. */
  #refused: Map<string, number> | undefined;

  constructor(options: BalancerOptions) {
    this.algorithm = options.algorithm;
    this.#options = options;
    this.#random = options.random;
  }

  /** Somebody can be picked. */
  get hasAnybody(): boolean {
    return this.#own.instances.length + this.#others.instances.length > 0;
  }

  /** All that calls go to, also those left alone for a while: for clients that keep a connection to each. */
  get instances(): readonly Instance[] {
    return [...this.#instances.values()];
  }

  /** @param authority `10.0.0.7:8080` */
  instanceAt(authority: string): Instance | undefined {
    return this.#instances.get(authority);
  }

  /** Told after each new view. @returns ends it */
  onChange(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** The mesh's view is this now. What is known of an instance that stays is kept. */
  update(endpoints: readonly ViewEndpoint[]): void {
    const { zone } = this.#options;
    const next = new Map<string, Instance>();
    this.#ownListed = 0;
    for (const endpoint of endpoints) {
      if (!(endpoint.weight > 0)) continue;
      if (isIn(endpoint.zone, zone)) this.#ownListed += 1;
      if (!endpoint.healthy) continue;
      const authority = authorityOf(endpoint);
      const made: Instance = this.#instances.get(authority) ?? {
        host: endpoint.address,
        port: endpoint.port,
        authority,
        weight: 1,
        zone: '',
        outstanding: 0,
        strikes: 0,
        downUntil: 0,
      };
      made.weight = endpoint.weight;
      made.zone = endpoint.zone;
      next.set(authority, made);
    }
    this.#instances = next.size === 0 ? NO_INSTANCES : next;
    this.#pools();
    for (const listener of this.#listeners ?? []) listener();
  }

  /** @returns undefined where nobody is to be called: the SDK's pick stands */
  pick(): Instance | undefined {
    if (this.#nextUp !== Number.POSITIVE_INFINITY && this.#options.now() >= this.#nextUp) this.#pools();
    const pool = this.#ownShare >= 1 || (this.#ownShare > 0 && this.#draw() < this.#ownShare) ? this.#own : this.#others;
    const { instances } = pool;
    if (instances.length < 2) return instances[0];
    switch (this.algorithm) {
      case 'round-robin':
        this.#turn = (this.#turn + 1) % instances.length;
        return instances[this.#turn];
      case 'weighted-random':
        return byWeight(pool, this.#draw());
      case 'least-outstanding': {
        const one = byWeight(pool, this.#draw());
        const other = byWeight(pool, this.#draw());
        return loadOf(other) < loadOf(one) ? other : one;
      }
      default:
        return this.algorithm satisfies never;
    }
  }

  /** A connection to it failed; `dead`: it was refused. */
  failed(instance: Instance, outcome: 'bad' | 'dead'): void {
    instance.strikes = outcome === 'dead' ? STRIKES : instance.strikes + 1;
    if (instance.strikes < STRIKES) return;
    instance.strikes = 0;
    instance.downUntil = this.#options.now() + DOWN_MS;
    this.#pools();
  }

  /** An instance has no certificate for this name. */
  refuse(serverName: string): void {
    (this.#refused ??= new Map()).set(serverName, this.#options.now() + REFUSED_MS);
  }

  refuses(serverName: string): boolean {
    return this.#refused !== undefined && (this.#refused.get(serverName) ?? 0) > this.#options.now();
  }

  #draw(): number {
    return this.#random === undefined ? drawn() : this.#random();
  }

  #pools(): void {
    const { now, zone } = this.#options;
    const at = now();
    const all = [...this.#instances.values()];
    const down = all.filter(({ downUntil }) => downUntil > at);
    const isPanic = down.length > all.length * MOST_DOWN;
    const usable = isPanic || down.length === 0 ? all : all.filter(({ downUntil }) => downUntil <= at);
    const own = usable.filter((instance) => isIn(instance.zone, zone));
    this.#own = poolOf(own);
    this.#others = poolOf(own.length === usable.length ? [] : usable.filter((instance) => !isIn(instance.zone, zone)));
    this.#ownShare =
      own.length === 0 ? 0 : this.#others.instances.length === 0 ? 1 : (SPARE * own.length) / Math.max(1, this.#ownListed);
    this.#nextUp = Math.min(Number.POSITIVE_INFINITY, ...down.map(({ downUntil }) => downUntil));
  }
}

/** What the SDKs of these names would pick by; the first that is known. */
export function algorithmOf(sdkNames: readonly string[] = []): Algorithm {
  for (const name of sdkNames) {
    const kind = name.slice(0, name.indexOf('/'));
    if (kind === 'nacos') return 'weighted-random';
    if (kind === 'consul' || kind === 'eureka') return 'round-robin';
  }
  return 'least-outstanding';
}

/** @param part of the sum of the weights, in [0, 1) */
function byWeight({ instances, sums }: Pool, part: number): Instance {
  if (sums === undefined) return instances[Math.floor(part * instances.length)] as Instance;
  const place = part * (sums[sums.length - 1] as number);
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > place) high = middle;
    else low = middle + 1;
  }
  return instances[low] as Instance;
}

function poolOf(instances: readonly Instance[]): Pool {
  if (instances.length === 0) return NOBODY;
  const [first] = instances;
  if (instances.every(({ weight }) => weight === first?.weight)) return { instances, sums: undefined };
  let sum = 0;
  return { instances, sums: Float64Array.from(instances, ({ weight }) => (sum += weight)) };
}

function loadOf({ outstanding, weight }: Instance): number {
  return (outstanding + 1) / weight;
}

/** `eu/a` is in `eu` and in `eu/a`; nobody is in an unknown zone. */
function isIn(zone: string, own: string): boolean {
  return own !== '' && (zone === own || zone.startsWith(`${own}/`));
}

function authorityOf({ address, port }: ViewEndpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
