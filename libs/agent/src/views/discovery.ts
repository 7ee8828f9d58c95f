import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { rankOf } from '@isthmus/ladder';
import { Balancer, algorithmOf } from './balancer.ts';

export interface DiscoveryOptions {
  /** `region/zone` of this process, `''` where it is not known. */
  readonly zone: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** See `BalancerOptions`. */
  readonly random?: () => number;
  /** Some target has somebody to pick now, or nobody any more. */
  readonly changed: () => void;
  /** @returns stops it */
  readonly setTimer: (ms: number, run: () => void) => () => void;
}

/** A view that the control plane has not confirmed for so long is older than what the SDK has from its registry: the SDK picks again. */
const STALE_AFTER_MS = 60_000;

/**
 * Who can be picked for each target, from the mesh's view. Without a view, with an empty one and with an old one there is nobody, and
 * the SDK's pick stands.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #balancers = new Map<string, Balancer>();
  /** Views by the stream, which know more than a plan's addresses. */
  readonly #told = new Map<string, readonly ViewEndpoint[]>();
  #targets: readonly AgentTarget[] = [];
  /** By authority, made when a view comes: without a control plane there is none of 500 targets. */
  #byAuthority: ReadonlyMap<string, AgentTarget> | undefined;
  #stopTimer: (() => void) | undefined;
  #isStale = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /**
   * The plan in force. @param fromFile it came from a file, without a control plane: a target that is at `discovery` in it has the
   * addresses that the file gives it, all with weight 1
   */
  follow(targets: readonly AgentTarget[], fromFile: boolean): void {
    this.#targets = targets;
    this.#byAuthority = undefined;
    for (const authority of this.#balancers.keys()) if (!isPicked(this.#target(authority))) this.#balancers.delete(authority);
    for (const authority of this.#told.keys()) if (this.#target(authority) === undefined) this.#told.delete(authority);
    for (const target of targets) {
      if (!isPicked(target)) continue;
      const fixed = fromFile && target.rung === 'discovery' ? target.addresses.map(endpointAt) : undefined;
      if (fixed === undefined && this.#told.size === 0 && this.#balancers.size === 0) continue;
      const authority = authorityOf(target);
      const view = this.#told.get(authority) ?? fixed;
      const held = this.#balancers.get(authority);
      if (view === undefined && held === undefined) continue; // nobody to be picked
      const balancer = this.#balancerFor(authority, target);
      if (balancer !== held || fixed !== undefined) balancer.update(view ?? []);
    }
  }

  /** The mesh's view of a target; undefined where it is told no more. */
  take(authority: string, endpoints: readonly ViewEndpoint[] | undefined): void {
    if (endpoints === undefined) this.#told.delete(authority);
    else this.#told.set(authority, endpoints);
    const target = this.#target(authority);
    if (target === undefined || !isPicked(target)) return;
    if (endpoints === undefined && !this.#balancers.has(authority)) return;
    const balancer = this.#balancerFor(authority, target);
    const before = balancer.hasAnybody;
    balancer.update(endpoints ?? []);
    if (balancer.hasAnybody !== before) this.#options.changed();
  }

  /** Whether the control plane is there to confirm the views. */
  connected(isConnected: boolean): void {
    this.#stopTimer?.();
    this.#stopTimer = isConnected ? undefined : this.#options.setTimer(STALE_AFTER_MS, () => this.#become(true));
    if (isConnected) this.#become(false);
  }

  /** Undefined while nobody is to be picked for this target. */
  balancerOf(authority: string): Balancer | undefined {
    const balancer = this.#isStale ? undefined : this.#balancers.get(authority);
    return balancer?.hasAnybody === true ? balancer : undefined;
  }

  close(): void {
    this.#stopTimer?.();
  }

  #target(authority: string): AgentTarget | undefined {
    return (this.#byAuthority ??= new Map(this.#targets.map((target) => [authorityOf(target), target]))).get(authority);
  }

  #balancerFor(authority: string, { sdkNames }: AgentTarget): Balancer {
    const algorithm = algorithmOf(sdkNames);
    const held = this.#balancers.get(authority);
    if (held?.algorithm === algorithm) return held;
    const balancer = new Balancer({ ...this.#options, algorithm });
    this.#balancers.set(authority, balancer);
    return balancer;
  }

  #become(isStale: boolean): void {
    if (this.#isStale === isStale) return;
    this.#isStale = isStale;
    this.#options.changed();
  }
}

function authorityOf({ host, port = 80 }: AgentTarget): string {
  return `${host}:${port}`;
}

/** From `discovery` up: at `traffic` the calls outside of a share are on the rung below. */
function isPicked(target: AgentTarget | undefined): boolean {
  return target !== undefined && rankOf(target.rung) >= rankOf('discovery');
}

/** @param address checked when the plan was read */
function endpointAt(address: string): ViewEndpoint {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '').toLowerCase(); // prettier-ignore
  return { address: host, port: Number(address.slice(colon + 1)), weight: 1, healthy: true, zone: '', protocol: '' };
}
