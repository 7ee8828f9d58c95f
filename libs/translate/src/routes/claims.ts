import type { RouteVirtualHost } from './route-virtual-host.ts';

/** Who wants a text for himself. Nearly always it is one: lists are made for the others only. */
export class Claims {
  readonly #claims = new Map<string, RouteVirtualHost | readonly RouteVirtualHost[]>();

  add(text: string, host: RouteVirtualHost): void {
    const claim = this.#claims.get(text);
    if (claim === undefined) this.#claims.set(text, host);
    else this.#claims.set(text, isList(claim) ? [...claim, host] : [claim, host]);
  }

  drop(text: string, host: RouteVirtualHost): void {
    const rest = this.of(text).filter((other) => other !== host);
    const [only] = rest;
    if (only === undefined) this.#claims.delete(text);
    else this.#claims.set(text, rest.length === 1 ? only : rest);
  }

  of(text: string): readonly RouteVirtualHost[] {
    const claim = this.#claims.get(text);
    if (claim === undefined) return NOBODY;
    return isList(claim) ? claim : [claim];
  }

  /** The one who is first in order, of those who may have it. */
  first(text: string, may: (host: RouteVirtualHost) => boolean = () => true): RouteVirtualHost | undefined {
    const claim = this.#claims.get(text);
    if (claim === undefined) return undefined;
    if (!isList(claim)) return may(claim) ? claim : undefined;
    let best: RouteVirtualHost | undefined;
    for (const host of claim) if (may(host) && (best === undefined || host.order < best.order)) best = host;
    return best;
  }
}

const NOBODY: readonly RouteVirtualHost[] = [];

function isList(claim: RouteVirtualHost | readonly RouteVirtualHost[]): claim is readonly RouteVirtualHost[] {
  return Array.isArray(claim);
}
