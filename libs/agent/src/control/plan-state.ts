import type { AgentPlan, AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { rankOf } from '@isthmus/ladder';
import { MOST_ADDRESSES, MOST_TARGETS } from '../read-plan.ts';
import type { ControlEvent } from './control-events.ts';
import { MeshViews } from './mesh-views.ts';

/**
 * The plan as the stream built it up, and the mesh's views. From `discovery` up the addresses of a target are those that the plan
 * names and those that the mesh lists, unhealthy ones too: an SDK may still pick one, and its call is to be recognised.
 */
export class PlanState {
  readonly views = new MeshViews();
  readonly #targets = new Map<string, AgentTarget>();
  /** Targets with the addresses that the mesh lists, as they were put together last. */
  readonly #listed = new WeakMap<AgentTarget, { readonly endpoints: readonly ViewEndpoint[]; readonly target: AgentTarget }>();
  /** Of all targets together. */
  #addresses = 0;
  #version = '';

  get version(): string {
    return this.#version;
  }

  /** Targets that fall to `sdk` when nothing is heard of the control plane, and after how many seconds. */
  get leases(): ReadonlyMap<string, number> {
    const leases = new Map<string, number>();
    for (const [authority, { leaseS }] of this.#targets) if (leaseS !== undefined) leases.set(authority, leaseS);
    return leases;
  }

  /** All at once: a plan that is new, or one from the disk. */
  replace({ version, targets }: AgentPlan): void {
    this.#version = version;
    this.#targets.clear();
    this.#addresses = 0;
    for (const target of targets) this.#set(authorityOf(target), target);
    this.views.keep(new Set(this.#targets.keys()));
  }

  /**
   * @returns what is another now: the plan, only where its targets are, or nothing that calls go by
   * @throws {Error} where single targets would become more than a whole plan may have; what was said before stays
   */
  take(event: ControlEvent): 'plan' | 'addresses' | 'nothing' {
    switch (event.kind) {
      case 'plan':
        this.replace(event.plan);
        return 'plan';
      case 'target':
        this.#set(authorityOf(event.target), event.target);
        this.#version = event.version;
        return 'plan';
      case 'gone':
        this.#delete(`${event.host}:${event.port}`);
        this.#version = event.version;
        this.views.keep(new Set(this.#targets.keys()));
        return 'plan';
      case 'endpoints': {
        // Of a target that it is not told of there is nothing to do.
        if (!this.#targets.has(`${event.endpoints.host}:${event.endpoints.port}`)) return 'nothing';
        this.views.takeEndpoints(event.endpoints);
        return 'addresses';
      }
      case 'view':
        if (this.#targets.has(`${event.view.host}:${event.view.port}`)) this.views.takeHash(event.view);
        return 'nothing';
      case 'hello':
      case 'ask':
      case 'registrations':
      case 'unknown':
        return 'nothing';
      default:
        return event satisfies never;
    }
  }

  #set(authority: string, target: AgentTarget): void {
    const before = this.#targets.get(authority);
    if (before === undefined && this.#targets.size >= MOST_TARGETS)
      throw new Error(`${authority} would be one target too many: at most ${MOST_TARGETS} are kept`);
    const addresses = this.#addresses - (before?.addresses.length ?? 0) + target.addresses.length;
    if (addresses > MOST_ADDRESSES)
      throw new Error(`with ${authority} there would be ${addresses} addresses, and at most ${MOST_ADDRESSES} are kept`);
    this.#targets.set(authority, target);
    this.#addresses = addresses;
  }

  #delete(authority: string): void {
    this.#addresses -= this.#targets.get(authority)?.addresses.length ?? 0;
    this.#targets.delete(authority);
  }

  /** What is in force. @param expired targets whose lease is over: they are back on the SDK */
  plan(expired: ReadonlySet<string>): AgentPlan {
    const targets = [...this.#targets].map(([authority, target]): AgentTarget => {
      const { percent: _percent, ...rest } = target;
      if (expired.has(authority)) return { ...rest, rung: 'sdk' };
      const { endpoints = [] } = this.views.of(authority) ?? {};
      if (endpoints.length === 0 || rankOf(target.rung) < rankOf('discovery')) return target;
      const held = this.#listed.get(target);
      if (held?.endpoints === endpoints) return held.target;
      const listed = endpoints.map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`);
      const made = { ...target, addresses: [...new Set([...target.addresses, ...listed])] };
      this.#listed.set(target, { endpoints, target: made });
      return made;
    });
    return { schema: 1, version: this.#version, targets };
  }

  /** As the control plane said it, for the disk. */
  get said(): AgentPlan {
    return { schema: 1, version: this.#version, targets: [...this.#targets.values()] };
  }
}

function authorityOf({ host, port = 80 }: Pick<AgentTarget, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
