import type { HandOver } from '@isthmus/ladder';
import type { Diagnostic, MeshService } from '@isthmus/model';
import { DestinationRules, HostConflicts, VirtualServices } from '@isthmus/policy';
import type { ObjectChange, RuleIndex, ScopedProxy } from '@isthmus/policy';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import { ruleDiagnostics, sniDiagnostics } from '@isthmus/translate';
import type { MeshOptions } from '@isthmus/translate';
import { ConsumerPolicies } from './consumer-policies.ts';
import { GatewayConflicts } from './gateway-conflicts.ts';

/** The rules in force, resolved as far as they are the same for a whole namespace. */
export class Rules implements RuleIndex {
  readonly virtual: VirtualServices;
  readonly destinations: DestinationRules;
  readonly consumers: ConsumerPolicies;
  readonly #exportTo: MeshOptions['exportTo'];
  readonly #hosts = new HostConflicts();
  readonly #gateways = new GatewayConflicts();
  /** Of valid DestinationRules and ServiceEntries; only those that have some. */
  readonly #unsupported = new Map<string, readonly Diagnostic[]>();

  /** @param consumers what plans say, which does not depend on the mesh's options */
  constructor(mesh: MeshOptions, consumers = new ConsumerPolicies()) {
    this.consumers = consumers;
    this.#exportTo = mesh.exportTo;
    this.virtual = new VirtualServices(mesh.domain);
    this.destinations = new DestinationRules(mesh);
  }

  virtualServices(namespace: string, gateway: string): readonly IstioObject<'VirtualService'>[] {
    return this.virtual.virtualServices(namespace, gateway);
  }

  destinationRule(proxy: ScopedProxy, service: MeshService): IstioObject<'DestinationRule'> | undefined {
    return this.destinations.outbound(service, proxy);
  }

  /** Nobody's process calls through a router, and proxyless gRPC is the process itself. */
  handOver(proxy: ScopedProxy & { readonly grpc?: boolean }, host: string, port: number): HandOver | undefined {
    if (proxy.kind === 'router' || proxy.grpc === true) return undefined;
    return this.consumers.handOver(proxy.consumer, host, port);
  }

  /** As the service's receivers have it. */
  inbound(proxy: ScopedProxy, service: MeshService): IstioObject<'DestinationRule'> | undefined {
    return this.destinations.inbound(service, proxy.namespace);
  }

  /** What is wrong between rules (a delegate that is not there, one host in two of them), and what of them Isthmus cannot do. */
  *diagnostics(): Iterable<Diagnostic> {
    yield* this.virtual.diagnostics();
    yield* this.#hosts.diagnostics();
    yield* this.#gateways.diagnostics();
    for (const key of [...this.#unsupported.keys()].sort()) yield* this.#unsupported.get(key) ?? [];
  }

  /** @returns what scopes have to be told: a delegate's change as those of the VirtualServices that it is part of */
  take({ before, after }: ObjectChange): readonly ObjectChange[] {
    const was = before ?? after;
    if (was === undefined) return [];
    if (was.kind === 'VirtualService') {
      const rule = after as IstioObject<'VirtualService'> | undefined;
      this.#say(was, rule === undefined ? [] : sniDiagnostics(rule));
      const changes =
        rule === undefined
          ? this.virtual.delete(was.namespace, was.name)
          : this.virtual.set(withExportTo(rule, this.#exportTo?.virtualServices));
      for (const change of changes) this.#hosts.take(change);
      return changes;
    }
    if (was.kind === 'Gateway') this.#gateways.take({ before, after } as ObjectChange<'Gateway'>);
    if (was.kind === 'DestinationRule') {
      const said = after as IstioObject<'DestinationRule'> | undefined;
      const rule = said && withExportTo(said, this.#exportTo?.destinationRules);
      this.#say(was, rule === undefined ? [] : ruleDiagnostics(rule));
      if (rule === undefined) this.destinations.delete(was.namespace, was.name);
      else this.destinations.set(rule);
    }
    return [{ before, after } satisfies ObjectChange<IstioKind>];
  }

  #say({ kind, namespace, name }: IstioObject, unsupported: readonly Diagnostic[]): void {
    const key = `${kind} ${namespace}/${name}`;
    if (unsupported.length === 0) this.#unsupported.delete(key);
    else this.#unsupported.set(key, unsupported);
  }
}

type Exported = IstioObject<'VirtualService'> | IstioObject<'DestinationRule'>;

/** Who sees a rule that does not say it itself. */
function withExportTo<Rule extends Exported>(rule: Rule, exportTo: readonly string[] | undefined): Rule {
  if (exportTo === undefined || rule.spec.exportTo.length > 0) return rule;
  return { ...rule, spec: { ...rule.spec, exportTo: [...exportTo] } };
}
