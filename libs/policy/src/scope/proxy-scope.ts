import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { gatewayName } from '../gateways.ts';
import { connectionTargets, destinationsOf } from './destinations.ts';
import type { Destinations } from './destinations.ts';
import { Egress, withPorts } from './egress.ts';
import type { RuleIndex, ScopeMesh, ScopedProxy, ServedPort, ServiceIndex } from './inputs.ts';
import { compareServices } from './service-order.ts';
import { isVisible } from './visible-services.ts';
import type { VisibleServices } from './visible-services.ts';

/** What all scopes are made of. */
export interface ScopeSources {
  readonly catalog: ServiceIndex;
  readonly services: VisibleServices;
  readonly rules: RuleIndex;
}

/** Which Sidecar and which Gateways apply; changed by `ProxyScopes` alone. */
export interface Choice {
  readonly sidecar: IstioObject<'Sidecar'> | undefined;
  readonly gateways: readonly IstioObject<'Gateway'>[];
}

/** The mesh as one group of proxies may see it: translate's `ProxyScope`, live. */
export class Scope<P extends ScopedProxy, M extends ScopeMesh> {
  readonly proxy: P;
  readonly mesh: M;
  readonly #sources: ScopeSources;
  #choice: Choice;
  #egress: readonly Egress[];
  #destinations: readonly { readonly from: readonly IstioObject<'VirtualService'>[]; readonly to: Destinations }[] = [];

  constructor(proxy: P, mesh: M, choice: Choice, sources: ScopeSources) {
    this.proxy = proxy;
    this.mesh = mesh;
    this.#sources = sources;
    this.#choice = choice;
    this.#egress = this.#egressOf(choice);
  }

  /** @internal */
  choose(choice: Choice): void {
    this.#choice = choice;
    this.#egress = this.#egressOf(choice);
    this.#destinations = [];
  }

  get sidecar(): IstioObject<'Sidecar'> | undefined {
    return this.#choice.sidecar;
  }

  get gateways(): readonly IstioObject<'Gateway'>[] {
    return this.#choice.gateways;
  }

  get egress(): readonly Egress[] {
    return this.#egress;
  }

  get own(): readonly ServedPort[] {
    const { addresses, namespace } = this.proxy;
    return addresses
      .flatMap((address) => [...this.#sources.catalog.ofAddress(address)])
      .filter(({ service }) => service.namespace === namespace) // as Istio: other namespaces cannot put an instance here
      .sort((a, b) => a.targetPort - b.targetPort || compareServices(a.service, b.service) || a.port.number - b.port.number);
  }

  service(host: MeshHost): MeshService | undefined {
    const parts = this.#egress.map((egress) => egress.service(host)).filter((part) => part !== undefined);
    return this.#whole(host, parts) ?? this.#asDestination(host);
  }

  /** Whether it would see a service like this, or may be sent to it by a rule. */
  sees(service: MeshService): boolean {
    return this.#egress.some((egress) => egress.sees(service)) || this.#isDestination(service);
  }

  /** Whether a VirtualService with these hosts, bound to these gateways, is any of its business. */
  seesRule(rule: IstioObject<'VirtualService'>): boolean {
    const { gateways } = rule.spec;
    if (this.proxy.kind === 'router') return this.gateways.some((gateway) => gateways.includes(gatewayName(gateway)));
    return (gateways.length === 0 || gateways.includes('mesh')) && this.#egress.some((egress) => egress.seesRule(rule));
  }

  /** Rules whose tcp or tls routes send to it: their listeners depend on it. */
  connectionsTo(host: MeshHost): readonly IstioObject<'VirtualService'>[] {
    const lists =
      this.proxy.kind === 'router'
        ? this.gateways.map((gateway) => this.virtualServicesOf(gatewayName(gateway)))
        : this.#egress.map((egress) => egress.virtualServices());
    return lists.flatMap((rules) => connectionTargets(rules).get(host) ?? []);
  }

  destinationRule(host: MeshHost): IstioObject<'DestinationRule'> | undefined {
    const service = this.service(host);
    return service && this.#sources.rules.destinationRule(this.proxy, service);
  }

  virtualServicesOf(gateway: string): readonly IstioObject<'VirtualService'>[] {
    return this.#sources.rules.virtualServices(this.proxy.namespace, gateway);
  }

  #egressOf({ sidecar }: Choice): readonly Egress[] {
    const listeners = sidecar === undefined || sidecar.spec.egress.length === 0 ? [undefined] : sidecar.spec.egress;
    const { services, rules } = this.#sources;
    return listeners.map((listener) => new Egress(listener, this.proxy.namespace, services, rules));
  }

  /** One service of what several listeners let through of its ports. */
  #whole(host: MeshHost, parts: readonly MeshService[]): MeshService | undefined {
    if (parts.length < 2) return parts[0];
    const service = this.#sources.services.get(host);
    return service && withPorts(service, (port) => parts.some(({ ports }) => ports.some(({ number }) => number === port)));
  }

  #asDestination(host: MeshHost): MeshService | undefined {
    const service = this.#sources.services.get(host);
    if (service === undefined || !this.#isDestination(service)) return undefined;
    const named = new Set(this.#targets().flatMap(({ to }) => [...(to.get(host) ?? [])]));
    if (named.has(0)) return service;
    const part = withPorts(service, (port) => named.has(port));
    return part.ports.length === 0 ? undefined : part;
  }

  #isDestination(service: MeshService): boolean {
    const { namespace } = this.proxy;
    if (service.namespace !== namespace && !isVisible(service, namespace)) return false;
    return this.#targets().some(({ to }) => to.has(service.host));
  }

  /** Worked out again for a listener whose rules changed. Without a Sidecar everything visible is imported anyway. */
  #targets(): readonly { readonly to: Destinations }[] {
    const before = this.#destinations;
    this.#destinations = this.#egress.map((egress, n) => {
      const from = egress.virtualServices();
      const known = before[n];
      return known?.from === from ? known : { from, to: destinationsOf(from, this.proxy.namespace) };
    });
    return this.#destinations;
  }
}
