import { bucketOf, dialsSidecar, isInShare, saltOf } from '@isthmus/ladder';
import type { ClientAccess, TargetPlace } from '../client-access.ts';
import type { Balancer } from '../views/balancer.ts';
import type { GrpcAddress } from './grpc-js.ts';
import type { Reporter } from './resolver-listener.ts';

/** How the application finds instances without the plan's: from the registry's client that it has anyway. */
export interface GrpcInstances {
  /**
   * @param authority `host:port` of the channel's target
   * @param changed to be called with all instances, `10.0.0.7:50051`, now or later and whenever they change
   * @returns ends it
   */
  (authority: string, changed: (addresses: readonly string[]) => void): () => void;
}

export interface ChannelOptions {
  readonly authority: string;
  readonly reporter: Reporter;
  /** Of the process, as long as there is one. */
  readonly access: () => ClientAccess | undefined;
  readonly instances: GrpcInstances | undefined;
  /** Told when an agent starts. @returns ends it */
  readonly whenAgent: (started: () => void) => () => void;
  /** Names the channel among all of all processes: a share of channels is by it. */
  readonly channel: string;
  /** The service config by which the agent balances the channel. */
  readonly discovery: object;
  /** Up to 1.9 grpc-js gives a list to a policy that it is about to leave when ways change while it still connects: it is told again. */
  readonly tellAgain: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A connection to the egress that ended leaves the channel on the instances for so long, as long as a sidecar that was lost at least is. */
const HELD_MS = 2_000;
/** A view of which nobody could be connected to is tried again after so long, as the balancer does with one instance. */
const UNREACHABLE_MS = 10_000;
const AGAIN_MS = 1_000;

/**
 * Where a channel's calls go: to the instances that the SDK knows by the channel's own policy, to those of the mesh's view by the agent's, or
 * to the egress, by which the sidecar picks.
 */
type Way = 'instances' | 'discovery' | 'egress';

/**
 * Which way a live channel's calls go; the sidecar finds the service by `:authority`. What is under way ends where it began. gRPC asks for a new resolution when a connection has ended: at the egress that is trouble, so the instances are
 * told before anybody has looked at the sidecar, and calls that begin now wait for a connection to them instead of failing.
 */
export class ResolvedChannel {
  readonly #options: ChannelOptions;
  readonly #bucket: number;
  #unfollow: (() => void)[] | undefined;
  #accessed: ClientAccess | undefined;
  #found: readonly string[] | undefined;
  #told: 'nothing' | Way = 'nothing';
  #last = '';
  /** Whose changes are followed. */
  #balancer: Balancer | undefined;
  #unfollowBalancer: (() => void) | undefined;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #due: NodeJS.Immediate | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#bucket = bucketOf(saltOf(options.authority), options.channel);
  }

  /** gRPC wants to know, at first and after trouble; it is told in a later turn of the loop, as it expects. */
  update(): void {
    if (this.#told === 'egress') {
      this.#options.access()?.seam.failed('bad');
      this.#hold(HELD_MS);
    }
    this.#last = '';
    if (this.#unfollow === undefined) this.#follow();
    this.#soon();
  }

  /** By whom the agent picks for this channel. */
  get balancer(): Balancer | undefined {
    return this.#balancer;
  }

  /** None of the instances of the view can be connected to. @returns whether the SDK knows some, to which the channel then goes */
  unreachable(): boolean {
    const { access, authority } = this.#options;
    if ((this.#found ?? access()?.target(authority)?.addresses ?? []).length === 0) return false;
    if (this.#told === 'discovery') {
      this.#hold(UNREACHABLE_MS);
      this.#soon();
    }
    return true;
  }

  destroy(): void {
    this.#followBalancer(undefined);
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    clearImmediate(this.#due);
    this.#due = undefined;
    for (const one of this.#unfollow?.splice(0) ?? []) one();
    this.#unfollow = undefined;
    this.#accessed = undefined;
    this.#told = 'nothing';
    this.#last = '';
  }

  #hold(ms: number): void {
    this.#heldUntil = this.#options.now() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#soon(), ms);
    this.#timer.unref();
  }

  #tellAgain(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      this.#last = '';
      this.#soon();
    }, AGAIN_MS);
    this.#again.unref();
  }

  #followBalancer(balancer: Balancer | undefined): void {
    if (balancer === this.#balancer) return;
    this.#unfollowBalancer?.();
    this.#balancer = balancer;
    this.#unfollowBalancer = balancer?.onChange(() => this.#soon());
  }

  /** Not by `nextTick`: grpc-js 1.8 does not survive another list between its choice of an address and the next tick. */
  #soon(): void {
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#tell();
    });
  }

  #follow(): void {
    const { instances, authority, whenAgent } = this.#options;
    this.#unfollow = [whenAgent(() => this.#soon())];
    if (instances === undefined) return;
    const changed = (addresses: readonly string[]): void => {
      this.#found = addresses;
      this.#soon();
    };
    this.#unfollow.push(instances(authority, changed));
  }

  #tell(): void {
    const { access: current, authority, reporter } = this.#options;
    if (this.#unfollow === undefined) return;
    const access = current();
    if (access !== this.#accessed && access !== undefined) this.#unfollow.push(access.onChange(() => this.#soon()));
    this.#accessed = access;
    const target = access?.target(authority);
    const instances = this.#found ?? target?.addresses;
    if (instances === undefined && this.#options.instances !== undefined) return; // they are still being looked for
    const way = target === undefined ? 'instances' : this.#wayOf(target, instances ?? []);
    const { balancer } = target ?? {};
    this.#followBalancer(way === 'discovery' ? balancer : undefined);
    const list =
      way === 'egress' && access !== undefined
        ? [access.seam.egress]
        : way === 'discovery'
          ? (balancer?.instances ?? [])
          : (instances ?? []).flatMap(addressOf);
    const text = [way, ...list.map(({ host, port }) => `${host} ${port}`)].join();
    if (text === this.#last && list.length > 0) return;
    this.#last = text;
    if (this.#options.tellAgain && this.#told !== 'nothing' && this.#told !== way) this.#tellAgain();
    this.#told = list.length === 0 ? 'nothing' : way;
    if (list.length === 0) reporter.failed(whyNobody(authority, access, target));
    else
      reporter.addresses(
        list.map(({ host, port }) => ({ host, port })),
        way === 'discovery' ? this.#options.discovery : null,
      );
  }

  #wayOf({ effective, percent, balancer }: TargetPlace, instances: readonly string[]): Way {
    const isHeld = instances.length > 0 && this.#options.now() < this.#heldUntil;
    const inShare = isInShare(this.#bucket, percent);
    if (isHeld) return 'instances';
    // `traffic` is the first rung that dials it: from `resilience` on the rung below does, too.
    if (dialsSidecar(effective) && (effective !== 'traffic' || inShare)) return 'egress';
    // At `traffic` the rest is on the rung below, which is `discovery` where the view has somebody.
    if (balancer === undefined || (effective === 'discovery' && !inShare)) return 'instances';
    return effective === 'discovery' || effective === 'traffic' ? 'discovery' : 'instances';
  }
}

function addressOf(text: string): GrpcAddress[] {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  return colon < 1 || !Number.isInteger(port) ? [] : [{ host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port }];
}

function whyNobody(authority: string, access: ClientAccess | undefined, target: TargetPlace | undefined): string {
  if (access === undefined)
    return `isthmus: nobody knows instances of ${authority}: there is no agent in this process (--require @isthmus/agent/register), and registerGrpc was given no instances`;
  if (target === undefined)
    return `isthmus: nobody knows instances of ${authority}: the agent's plan does not name it; add it to the plan, or give registerGrpc its instances`;
  return `isthmus: ${authority} has no instance, and the sidecar cannot take its calls now`;
}
