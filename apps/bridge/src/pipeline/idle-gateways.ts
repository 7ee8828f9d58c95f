import { FlapDamper } from '@isthmus/catalog';
import type { GuardOptions } from '@isthmus/catalog';
import type { Clock, MeshHost, MeshService, ServiceId } from '@isthmus/model';
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
  /** By registry and host. */
  readonly #published = new Map<string, Published>();
  readonly #idle = new Set<Published>();

  constructor(deps: IdleGatewaysDeps) {
    this.#deps = deps;
    this.#flaps = new FlapDamper(deps.flap);
  }

  /** What stays published of a host; `wanted` is what it would be by itself. */
  keep(service: MeshService, rule: PublishRule, wanted: Publication | undefined): Publication | undefined {
    if (rule.config.address !== 'gateway') return wanted;
    const key = `${rule.config.to} ${service.host}`;
    const origins = [...new Set(publishable(service, rule.config).map(({ origin }) => origin))];
    const before = this.#published.get(key);
    if (wanted !== undefined || origins.length === 0 || before === undefined) {
      this.#forget(key);
      if (wanted !== undefined) this.#published.set(key, { host: service.host, publication: wanted });
      return wanted;
    }
    before.idle = { origins, goesAt: before.idle?.goesAt };
    this.#idle.add(before);
    if (this.#mayGo(before)) {
      const now = this.#deps.clock.now();
      before.idle.goesAt ??= now + this.#flaps.gone(key, now);
      if (before.idle.goesAt <= now) {
        this.#forget(key);
        return undefined;
      }
    }
    return before.publication;
  }

  /** The host is known no more. */
  forget(host: MeshHost): void {
    for (const [key, one] of this.#published) if (one.host === host) this.#forget(key);
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

  #forget(key: string): void {
    const one = this.#published.get(key);
    if (one !== undefined) this.#idle.delete(one);
    this.#published.delete(key);
  }
}
