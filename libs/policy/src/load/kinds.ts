import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  DestinationRuleSchema,
  GatewaySchema,
  ProxyConfigSchema,
  ServiceEntrySchema,
  SidecarSchema,
  VirtualServiceSchema,
  WorkloadEntrySchema,
  WorkloadGroupSchema,
} from '@isthmus/proto/istio';
import type { IstioKind, IstioSpecs } from '@isthmus/proto/istio';

export const NETWORKING = 'networking.istio.io';

const VERSIONS: readonly string[] = ['v1', 'v1beta1', 'v1alpha3'];

/** All versions of a kind mean the same. */
export function versionsOf(kind: IstioKind): readonly string[] {
  return kind === 'ProxyConfig' ? ['v1beta1'] : VERSIONS;
}

type Schemas = { readonly [K in IstioKind]: GenMessage<IstioSpecs[K]> };

export const SCHEMAS: Schemas = {
  VirtualService: VirtualServiceSchema,
  DestinationRule: DestinationRuleSchema,
  Gateway: GatewaySchema,
  ServiceEntry: ServiceEntrySchema,
  WorkloadEntry: WorkloadEntrySchema,
  WorkloadGroup: WorkloadGroupSchema,
  Sidecar: SidecarSchema,
  ProxyConfig: ProxyConfigSchema,
};

export const ISTIO_KINDS = Object.keys(SCHEMAS) as readonly IstioKind[];

export function isIstioKind(kind: string): kind is IstioKind {
  return Object.hasOwn(SCHEMAS, kind);
}

/** Istio's kinds that this version reads over: identity and policy come later. By group. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  [NETWORKING]: ['EnvoyFilter', 'TrafficExtension'],
  'security.istio.io': ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'],
  'telemetry.istio.io': ['Telemetry'],
  'extensions.istio.io': ['WasmPlugin', 'TrafficExtension'],
};

export function comesLater(group: string, kind: string): boolean {
  return LATER[group]?.includes(kind) ?? false;
}

/** Groups of which an unknown kind is a mistake and not something that another program reads. */
export function isOfIstio(group: string): boolean {
  return Object.hasOwn(LATER, group);
}
