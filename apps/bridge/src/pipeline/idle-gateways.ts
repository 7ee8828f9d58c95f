import { FlapDamper } from '@isthmus/catalog';
import type { GuardOptions } from '@isthmus/catalog';
import type { Clock, MeshHost, MeshService, ServiceId, SourceId } from '@isthmus/model';
import type { Publication } from '@isthmus/registry';
import { publicationOf, publishable } from './publication.ts';
import type { PublishRule } from './publication.ts';

export interface IdleGatewaysDeps {
  readonly clock: Clock;
  readonly flap: GuardOptions['flap'];
  /** Whether what is known of these services is what their registries say now. */
  readonly isFollowed: (services: readonly ServiceId[]) => boolean;
  /** Of the config before: what was published, what waits and how often it went go on. */
  readonly before?: IdleGateways | undefined;
}

interface Published {
  readonly host: MeshHost;
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

  /** @param registries those that the config publishes to: of others nobody would say that something goes */
  constructor(deps: IdleGatewaysDeps, registries: ReadonlySet<SourceId>) {
    const { flap, before } = deps;
    this.#deps = { ...deps, before: undefined }; // else each config would keep the one before
    this.#flaps = new FlapDamper(flap, before === undefined ? undefined : before.#flaps);
    if (before === undefined) return;
    for (const [to, one] of [...before.#published.values()].flatMap((ofHost) => [...ofHost])) {
      if (!registries.has(to)) continue;
      this.#keep(to, one);
      if (before.#idle.has(one)) this.#idle.add(one);
    }
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
      if (wanted !== undefined) this.#keep(to, { host });
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
    return publicationOf(service, rule, true);
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
