import type { Diagnostic, MeshService } from '@isthmus/model';
import { DestinationRules, VirtualServices } from '@isthmus/policy';
import type { ObjectChange, RuleIndex, ScopedProxy } from '@isthmus/policy';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import type { MeshOptions } from '@isthmus/translate';

/** The rules in force, resolved as far as they are the same for a whole namespace. */
export class Rules implements RuleIndex {
  readonly virtual: VirtualServices;
  readonly destinations: DestinationRules;

  constructor(mesh: MeshOptions) {
    this.virtual = new VirtualServices(mesh.domain);
    this.destinations = new DestinationRules(mesh);
  }

  virtualServices(namespace: string, gateway: string): readonly IstioObject<'VirtualService'>[] {
    return this.virtual.virtualServices(namespace, gateway);
  }

  destinationRule(proxy: ScopedProxy, service: MeshService): IstioObject<'DestinationRule'> | undefined {
    return this.destinations.outbound(service, proxy);
  }

  /** As the service's receivers have it. */
  inbound(proxy: ScopedProxy, service: MeshService): IstioObject<'DestinationRule'> | undefined {
    return this.destinations.inbound(service, proxy.namespace);
  }

  /** What is wrong between rules: a delegate that is not there, one of a delegate. */
  diagnostics(): Iterable<Diagnostic> {
    return this.virtual.diagnostics();
  }

  /** @returns what scopes have to be told: a delegate's change as those of the VirtualServices that it is part of */
  take({ before, after }: ObjectChange): readonly ObjectChange[] {
    const was = before ?? after;
    if (was === undefined) return [];
    if (was.kind === 'VirtualService') {
      if (after === undefined) return this.virtual.delete(was.namespace, was.name);
      return this.virtual.set(after as IstioObject<'VirtualService'>);
    }
    if (was.kind === 'DestinationRule') {
      if (after === undefined) this.destinations.delete(was.namespace, was.name);
      else this.destinations.set(after as IstioObject<'DestinationRule'>);
    }
    return [{ before, after } satisfies ObjectChange<IstioKind>];
  }
}
