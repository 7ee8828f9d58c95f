import type { HandOver } from '@isthmus/ladder';
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

  /** With the ports that any listener lets through, or that rules of a listener send to. */
  service(host: MeshHost): MeshService | undefined {
    const service = this.#sources.services.get(host);
    if (service === undefined) return undefined;
    const all = this.#egress.length === 1 ? this.#egress[0]?.service(host) : undefined;
    if (all !== undefined && all.ports.length === service.ports.length) return all;
    const targets = this.#isReachable(service) ? this.#targets() : [];
    const ports = new Set<number>();
    this.#egress.forEach((egress, n) => {
      for (const { number } of egress.service(host)?.ports ?? []) ports.add(number);
      const named = targets[n]?.to.get(host);
      if (named === undefined) return;
      for (const { number } of service.ports) if (egress.reaches(number, named)) ports.add(number);
    });
    return ports.size === 0 ? undefined : withPorts(service, (port) => ports.has(port));
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

  handOver(host: string, port: number): HandOver | undefined {
    return this.#sources.rules.handOver?.(this.proxy, host, port);
  }

  virtualServicesOf(gateway: string): readonly IstioObject<'VirtualService'>[] {
    return this.#sources.rules.virtualServices(this.proxy.namespace, gateway);
  }

  #egressOf({ sidecar }: Choice): readonly Egress[] {
    const listeners = sidecar === undefined || sidecar.spec.egress.length === 0 ? [undefined] : sidecar.spec.egress;
    const { services, rules } = this.#sources;
    return listeners.map((listener) => new Egress(listener, this.proxy.namespace, services, rules));
  }

  #isDestination(service: MeshService): boolean {
    return this.#isReachable(service) && this.#targets().some(({ to }) => to.has(service.host));
  }

  /** As a destination: what is in the proxy's own namespace is, whatever it is exported to. A router has only what is exported. */
  #isReachable(service: MeshService): boolean {
    const { namespace, kind } = this.proxy;
    if (kind === 'router') return false;
    return service.namespace === namespace || isVisible(service, namespace);
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
