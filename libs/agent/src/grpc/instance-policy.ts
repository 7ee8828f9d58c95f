import type { Balancer, Instance } from '../views/balancer.ts';
import { CONNECTIVITY, PICKED, unavailable } from './grpc-js.ts';
import type { ChildPolicy, ControlHelper, GrpcAddress, GrpcJs, PickResult, Picker } from './grpc-js.ts';

/** What the policy of a channel has of the resolver of the same channel. */
export interface BalancedChannel {
  readonly balancer: () => Balancer | undefined;
  /** None of the instances can be connected to. @returns whether the channel goes elsewhere: then its calls wait for that */
  readonly unreachable: () => boolean;
}

/** By the id that the service config names: a config is JSON, and cannot have a balancer. */
export type BalancedChannels = ReadonlyMap<string, BalancedChannel>;

/** One instance: a `pick_first` of its own, as grpc-js's round_robin has them, so that subchannels are grpc-js's own affair. */
interface Child {
  readonly policy: ChildPolicy;
  /** TRANSIENT_FAILURE stays until READY (gRFC A61): what is tried again is not yet better. */
  state: number;
  picker: Picker | undefined;
  isGone: boolean;
}

/** Drawn again so often where the instance that was picked has no connection now. */
const DRAWS = 4;

/**
 * A load balancing policy for grpc-js 1.8 to 1.14 by which a channel is connected to all instances of the mesh's view, and the agent's balancer (weights, zones,
 * P2C) picks one of the connected for each call. An instance that leaves the list gets no new calls; those under way end there.
 * @returns its class, for `registerLoadBalancerType`
 */
export function instancePolicy(grpc: GrpcJs, name: string, channels: BalancedChannels): unknown {
  const ChildHandler = grpc.experimental.ChildLoadBalancerHandler as new (...helperAndMore: readonly unknown[]) => ChildPolicy;
  const QueuePicker = grpc.experimental.QueuePicker as new (policy: unknown) => Picker;
  const UnavailablePicker = grpc.experimental.UnavailablePicker as new (status: object) => Picker;
  return class InstancePolicy {
    readonly #helper: ControlHelper;
    /** Up to 1.12: credentials and options of the channel. */
    readonly #more: readonly unknown[];
    readonly #children = new Map<string, Child>();
    readonly #picker: Picker = { pick: (call) => this.#pick(call) };
    #channel: BalancedChannel | undefined;
    #ready: readonly Child[] = [];
    #turn = 0;
    #isPaused = false;

    constructor(helper: ControlHelper, ...more: readonly unknown[]) {
      this.#helper = helper;
      this.#more = more;
    }

    /** 1.14: the list is a value or an error, and whether it was taken is returned. */
    updateAddressList(list: unknown, config: { readonly channel?: string }, ...more: readonly unknown[]): boolean {
      const isResult = !Array.isArray(list);
      const entries = (isResult ? (list as { readonly value?: readonly unknown[] }).value : list) as
        readonly unknown[] | undefined;
      if (entries === undefined) return true; // as grpc-js's own policies: what they had stays
      this.#channel = channels.get(config.channel ?? '');
      const listed = new Map(entries.map((entry) => [authorityOf(entry), entry]));
      this.#isPaused = true;
      for (const [authority, child] of this.#children) if (!listed.has(authority)) this.#end(authority, child);
      for (const [authority, entry] of listed) {
        if (this.#children.has(authority)) continue;
        const child = this.#start(authority);
        child.policy.updateAddressList(isResult ? { ok: true, value: [entry] } : [entry], pickFirst(grpc), ...more);
        child.policy.exitIdle();
      }
      this.#isPaused = false;
      this.#settle();
      return true;
    }

    exitIdle(): void {
      for (const { policy } of this.#children.values()) policy.exitIdle();
    }

    resetBackoff(): void {
      for (const { policy } of this.#children.values()) policy.resetBackoff();
    }

    destroy(): void {
      this.#isPaused = true;
      for (const [authority, child] of this.#children) this.#end(authority, child);
      this.#ready = [];
    }

    getTypeName(): string {
      return name;
    }

    #start(authority: string): Child {
      const own: Partial<ControlHelper> = {
        updateState: (state, picker) => this.#take(authority, child, state, picker),
        // The view comes by a stream: that an instance ended a connection is no reason to ask for it.
        requestReresolution: () => undefined,
      };
      const helper = grpc.experimental.createChildChannelControlHelper(this.#helper as never, own as never);
      const child: Child = {
        policy: new ChildHandler(helper, ...this.#more),
        state: CONNECTIVITY.CONNECTING,
        picker: undefined,
        isGone: false,
      };
      this.#children.set(authority, child);
      return child;
    }

    #end(authority: string, child: Child): void {
      child.isGone = true;
      this.#children.delete(authority);
      child.policy.destroy();
    }

    #take(authority: string, child: Child, state: number, picker: Picker): void {
      if (child.isGone) return;
      child.picker = picker;
      const failed = state === CONNECTIVITY.TRANSIENT_FAILURE;
      if (failed && child.state !== state) this.#failed(authority);
      if (failed || state === CONNECTIVITY.READY || child.state !== CONNECTIVITY.TRANSIENT_FAILURE) child.state = state;
      // In a turn of its own: grpc-js is in the middle of a change of the child.
      if (state === CONNECTIVITY.IDLE) process.nextTick(() => child.isGone || child.policy.exitIdle());
      this.#settle();
    }

    #failed(authority: string): void {
      const balancer = this.#channel?.balancer();
      const instance = balancer?.instanceAt(authority);
      if (instance !== undefined) balancer?.failed(instance, 'dead');
    }

    #settle(): void {
      if (this.#isPaused) return;
      const children = [...this.#children.values()];
      this.#ready = children.filter(({ state, picker }) => state === CONNECTIVITY.READY && picker !== undefined);
      if (this.#ready.length > 0) this.#helper.updateState(CONNECTIVITY.READY, this.#picker, null);
      else if (children.some(({ state }) => state !== CONNECTIVITY.TRANSIENT_FAILURE) || this.#channel?.unreachable() === true)
        this.#helper.updateState(CONNECTIVITY.CONNECTING, new QueuePicker(this), null);
      else {
        const why = 'isthmus: no instance of the mesh can be connected to';
        const picker = new UnavailablePicker(unavailable(grpc, why));
        this.#helper.updateState(CONNECTIVITY.TRANSIENT_FAILURE, picker, why);
      }
    }

    #pick(call: unknown): PickResult {
      const balancer = this.#channel?.balancer();
      for (let draw = 0; balancer !== undefined && draw < DRAWS; draw += 1) {
        const instance = balancer.pick();
        const child = instance === undefined ? undefined : this.#children.get(instance.authority);
        if (instance === undefined || child?.picker === undefined || child.state !== CONNECTIVITY.READY) continue;
        const result = child.picker.pick(call);
        const counts = balancer.algorithm === 'least-outstanding' && result.pickResultType === PICKED;
        return counts ? countedAt(instance, result) : result;
      }
      // The balancer's own are not connected: another one is better than none.
      this.#turn += 1;
      const child = this.#ready[this.#turn % Math.max(1, this.#ready.length)];
      return (child?.picker ?? new QueuePicker(this)).pick(call);
    }
  };
}

/** Names the policy, and the channel that it is of. */
export function instanceConfig(name: string): unknown {
  return class InstanceConfig {
    readonly channel: string;

    constructor(channel: string) {
      this.channel = channel;
    }

    static createFromJson({ channel }: { readonly channel?: unknown }): InstanceConfig {
      return new InstanceConfig(String(channel));
    }

    getLoadBalancerName(): string {
      return name;
    }

    toJsonObject(): object {
      return { [name]: { channel: this.channel } };
    }
  };
}

function pickFirst({ experimental }: GrpcJs): unknown {
  const parse = experimental.parseLoadBalancingConfig ?? experimental.validateLoadBalancingConfig;
  return (parse as (config: object) => unknown)({ pick_first: {} });
}

/** P2C is by the calls under way. A call that is repeated or moves within its channel is a call each time. */
function countedAt(instance: Instance, result: PickResult): PickResult {
  let isCounted = false;
  return {
    ...result,
    onCallStarted: () => {
      isCounted = true;
      instance.outstanding += 1;
      result.onCallStarted?.();
    },
    onCallEnded: (...values) => {
      if (isCounted) instance.outstanding -= 1;
      isCounted = false;
      result.onCallEnded?.(...values);
    },
  };
}

/** Up to 1.9 an entry is an address, from 1.10 on an endpoint with addresses: ours have one. */
function authorityOf(entry: unknown): string {
  const { addresses } = entry as { readonly addresses?: readonly GrpcAddress[] };
  const { host, port } = addresses?.[0] ?? (entry as GrpcAddress);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
