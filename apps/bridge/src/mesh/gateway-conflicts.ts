import type { Diagnostic } from '@isthmus/model';
import { compareAge } from '@isthmus/policy';
import type { ObjectChange } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { mergeGateways } from '@isthmus/translate';

type Gateway = IstioObject<'Gateway'>;

/**
 * What Gateways say against each other, whether a router is connected or not: asked for each selector as if there were a router with
 * just its labels (`istioctl analyze`: IST0145). Made when it is asked for and Gateways have changed.
 */
export class GatewayConflicts {
  readonly #gateways = new Map<string, Gateway>();
  #found: readonly Diagnostic[] | undefined;

  take({ before, after }: ObjectChange<'Gateway'>): void {
    if (before !== undefined) this.#gateways.delete(keyOf(before));
    if (after !== undefined) this.#gateways.set(keyOf(after), after);
    this.#found = undefined;
  }

  diagnostics(): readonly Diagnostic[] {
    return (this.#found ??= conflicts([...this.#gateways.values()].sort(compareAge)));
  }
}

/** @param gateways the older first */
function conflicts(gateways: readonly Gateway[]): readonly Diagnostic[] {
  // A Gateway can only select a router that has the first of its labels: not each has to be held against each.
  const byFirst = new Map<string, Gateway[]>();
  for (const gateway of gateways) {
    const first = labelsOf(gateway)[0] ?? '';
    byFirst.set(first, [...(byFirst.get(first) ?? []), gateway]);
  }
  const routers = new Map(gateways.map((gateway) => [labelsOf(gateway).join(), labelsOf(gateway)]));
  const found = new Map<string, Diagnostic>();
  for (const labels of routers.values()) {
    const has = new Set(labels);
    const here = ['', ...labels]
      .flatMap((label) => byFirst.get(label) ?? [])
      .filter((gateway) => labelsOf(gateway).every((label) => has.has(label)))
      .sort(compareAge);
    for (const each of conflictsAt(here)) found.set(`${each.where} ${each.what}`, each);
  }
  return [...found.values()];
}

/** Of the Gateways of one router. */
function* conflictsAt(gateways: readonly Gateway[]): Generator<Diagnostic> {
  const { diagnostics, routes } = mergeGateways(gateways, []);
  yield* diagnostics;
  const byKey = new Map(gateways.map((gateway) => [keyOf(gateway), gateway]));
  for (const servers of routes.values()) {
    const owners = new Map<string, Gateway>();
    for (const { gateway: key, hosts, port, tls } of servers) {
      const gateway = byKey.get(key);
      if (gateway === undefined || tls) continue; // with TLS a host is one server's, and the other is left out
      const shared = new Map<Gateway, string[]>();
      for (const host of hosts) {
        const owner: Gateway = owners.get(host) ?? gateway;
        owners.set(host, owner);
        if (owner !== gateway) shared.set(owner, [...(shared.get(owner) ?? []), host]);
      }
      for (const [owner, names] of shared) yield joined(gateway, owner, port, names);
    }
  }
}

function joined(gateway: Gateway, owner: Gateway, port: number, hosts: readonly string[]): Diagnostic {
  const names = hosts.length > 3 ? `${hosts.slice(0, 3).join(', ')} and ${hosts.length - 3} more` : hosts.join(', ');
  return {
    code: 'gateway.conflict',
    severity: 'warning',
    where: gateway.place,
    what: `Gateway ${keyOf(gateway)}: port ${port} with the host ${names} is Gateway ${keyOf(owner)}’s too, at ${owner.place}`,
    meaning: 'both are in force: the routes bound to either are joined, those of the older Gateway first',
    remedy: 'keep a host in one Gateway, or let them select other routers',
  };
}

function keyOf({ namespace, name }: Gateway): string {
  return `${namespace}/${name}`;
}

/** Sorted; `istio=edge`. */
function labelsOf({ spec }: Gateway): readonly string[] {
  return Object.entries(spec.selector)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
}
