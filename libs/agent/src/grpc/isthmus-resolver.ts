import { bucketOf, dialsSidecar, isInShare, saltOf } from '@isthmus/ladder';
import type { ClientAccess, TargetPlace } from '../client-access.ts';
import type { Reporter, GrpcAddress } from './resolver-listener.ts';

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
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A connection to the egress that ended leaves the channel on the instances for so long, as long as a sidecar that was lost at least is. */
const HELD_MS = 2_000;

/**
 * Where a live channel's calls go: to the instances, or to the sidecar's egress, which finds the service by `:authority`. What is under way
 * ends where it began. gRPC asks for a new resolution when a connection has ended: at the egress that is trouble, so the instances are
 * told before anybody has looked at the sidecar, and calls that begin now wait for a connection to them instead of failing.
 */
export class ResolvedChannel {
  readonly #options: ChannelOptions;
  readonly #bucket: number;
  #unfollow: (() => void)[] | undefined;
  #accessed: ClientAccess | undefined;
  #found: readonly string[] | undefined;
  #told: 'nothing' | 'instances' | 'egress' = 'nothing';
  #last = '';
  #heldUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #due: NodeJS.Immediate | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#bucket = bucketOf(saltOf(options.authority), options.channel);
  }

  /** gRPC wants to know, at first and after trouble; it is told in a later turn of the loop, as it expects. */
  update(): void {
    if (this.#told === 'egress') this.#hold();
    this.#last = '';
    if (this.#unfollow === undefined) this.#follow();
    this.#soon();
  }

  destroy(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#due);
    this.#due = undefined;
    for (const one of this.#unfollow?.splice(0) ?? []) one();
    this.#unfollow = undefined;
    this.#accessed = undefined;
    this.#told = 'nothing';
    this.#last = '';
  }

  #hold(): void {
    const { access, now } = this.#options;
    this.#heldUntil = now() + HELD_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#soon(), HELD_MS);
    this.#timer.unref();
    access()?.seam.failed('bad');
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
    const egress = access !== undefined && target !== undefined && this.#goesToEgress(target, instances ?? []);
    const list = egress ? [access.seam.egress] : (instances ?? []).flatMap(addressOf);
    const text = list.map(({ host, port }) => `${host} ${port}`).join();
    if (text === this.#last && text !== '') return;
    this.#last = text;
    this.#told = list.length === 0 ? 'nothing' : egress ? 'egress' : 'instances';
    if (list.length > 0) reporter.addresses(list);
    else reporter.failed(whyNobody(authority, access, target));
  }

  #goesToEgress({ effective, percent }: TargetPlace, instances: readonly string[]): boolean {
    if (!dialsSidecar(effective)) return false;
    // `traffic` is the first rung that dials it: from `resilience` on the rung below does, too.
    if (effective === 'traffic' && !isInShare(this.#bucket, percent)) return false;
    return instances.length === 0 || this.#options.now() >= this.#heldUntil;
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
