import { FlapDamper } from '@isthmus/catalog';
import type { GuardOptions } from '@isthmus/catalog';
import type { Clock, MeshHost, MeshService, ServiceId, SourceId } from '@isthmus/model';
import type { Publication } from '@isthmus/registry';
import { publishable } from './publication.ts';
import type { PublishRule } from './publication.ts';

export interface IdleGatewaysDeps {
  readonly clock: Clock;
  readonly flap: GuardOptions['flap'];
  /** Whether what is known of these services is what their registries say now. */
  readonly isFollowed: (services: readonly ServiceId[]) => boolean;
}

interface Published {
  readonly host: MeshHost;
  readonly publication: Publication;
  /** Set while no instance behind it takes traffic. */
  idle?: { readonly origins: readonly ServiceId[]; goesAt: number | undefined };
}

/**
 * A gateway's address that is published goes when no instance behind it takes traffic any more: not before their registries are followed,
 * and later each time where they come and go, as instances do (`guard.flap`). It comes back at once.
 */
export class IdleGateways {
  readonly #deps: IdleGatewaysDeps;
  readonly #flaps: FlapDamper;
  readonly #published = new Map<MeshHost, Map<SourceId, Published>>();
  readonly #idle = new Set<Published>();

  constructor(deps: IdleGatewaysDeps) {
    this.#deps = deps;
    this.#flaps = new FlapDamper(deps.flap);
  }

  /** What stays published of a host; `wanted` is what it would be by itself. */
  keep(service: MeshService, rule: PublishRule, wanted: Publication | undefined): Publication | undefined {
    const { host } = service;
    const { to, address } = rule.config;
    if (address !== 'gateway') {
      this.forget(host, to);
      return wanted;
    }
    const origins = [...new Set(publishable(service, rule.config).map(({ origin }) => origin))];
    const before = this.#published.get(host)?.get(to);
    if (wanted !== undefined || origins.length === 0 || before === undefined) {
      this.forget(host, to);
      if (wanted !== undefined) this.#keep(to, { host, publication: wanted });
      return wanted;
    }
    before.idle = { origins, goesAt: before.idle?.goesAt };
    this.#idle.add(before);
    if (this.#mayGo(before)) {
      const now = this.#deps.clock.now();
      before.idle.goesAt ??= now + this.#flaps.gone(`${to} ${host}`, now);
      if (before.idle.goesAt <= now) {
        this.forget(host, to);
        return undefined;
      }
    }
    return before.publication;
  }

  /** The host is published there no more; without a registry: it is known no more. */
  forget(host: MeshHost, to?: SourceId): void {
    const ofHost = this.#published.get(host);
    for (const [registry, one] of ofHost ?? [])
      if (to === undefined || registry === to) {
        this.#idle.delete(one);
        ofHost?.delete(registry);
      }
    if (ofHost?.size === 0) this.#published.delete(host);
  }

  get waits(): boolean {
    return this.#idle.size > 0;
  }

  /** Hosts to publish anew, because their gateway may go by now. */
  due(): readonly MeshHost[] {
    return [...this.#idle].filter((one) => this.#mayGo(one)).map(({ host }) => host);
  }

  #mayGo({ idle }: Published): boolean {
    if (idle === undefined || (idle.goesAt ?? 0) > this.#deps.clock.now()) return false;
    return this.#deps.isFollowed(idle.origins);
  }

  #keep(to: SourceId, one: Published): void {
    const ofHost = this.#published.get(one.host) ?? new Map<SourceId, Published>();
    this.#published.set(one.host, ofHost.set(to, one));
  }
}
