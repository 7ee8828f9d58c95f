import type { DestinationRule } from './gen/networking/v1alpha3/destination_rule_pb.ts';
import type { Gateway } from './gen/networking/v1alpha3/gateway_pb.ts';
import type { ServiceEntry } from './gen/networking/v1alpha3/service_entry_pb.ts';
import type { Sidecar } from './gen/networking/v1alpha3/sidecar_pb.ts';
import type { VirtualService } from './gen/networking/v1alpha3/virtual_service_pb.ts';
import type { WorkloadEntry } from './gen/networking/v1alpha3/workload_entry_pb.ts';
import type { WorkloadGroup } from './gen/networking/v1alpha3/workload_group_pb.ts';
import type { ProxyConfig } from './gen/networking/v1beta1/proxy_config_pb.ts';

/** The kinds of Istio's traffic configuration that Isthmus understands, with their specs. */
export interface IstioSpecs {
  readonly VirtualService: VirtualService;
  readonly DestinationRule: DestinationRule;
  readonly Gateway: Gateway;
  readonly ServiceEntry: ServiceEntry;
  readonly WorkloadEntry: WorkloadEntry;
  readonly WorkloadGroup: WorkloadGroup;
  readonly Sidecar: Sidecar;
  readonly ProxyConfig: ProxyConfig;
}

export type IstioKind = keyof IstioSpecs;

/** One object as a user wrote it, parsed and valid: what the policy library gives and the translators take. */
export interface IstioObject<K extends IstioKind = IstioKind> {
  readonly kind: K;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since 1970; 0 for files. Of two objects that claim the same the older wins, then the smaller `name.namespace`. */
  readonly createdAt: number;
  readonly spec: IstioSpecs[K];
  /** Hash of the content: equal content, equal version. */
  readonly version: string;
  /** `istio.d/orders.yaml:12:1` or `k8s VirtualService shop/orders`, for messages. */
  readonly place: string;
}
