/** Kinds of objects and where the API server has them. */

export interface Resource {
  /** `''` is the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As in URLs and RBAC rules: lower case. */
  readonly plural: string;
  readonly namespaced: boolean;
}

function resource(group: string, version: string, kind: string, plural: string, namespaced = true): Resource {
  return { group, version, kind, plural, namespaced };
}

export const SERVICES = resource('', 'v1', 'Service', 'services');
export const ENDPOINT_SLICES = resource('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices');
export const PODS = resource('', 'v1', 'Pod', 'pods');
export const NODES = resource('', 'v1', 'Node', 'nodes', false);
export const NAMESPACES = resource('', 'v1', 'Namespace', 'namespaces', false);
export const CONFIG_MAPS = resource('', 'v1', 'ConfigMap', 'configmaps');
export const LEASES = resource('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const SERVICE_ENTRIES = resource('networking.istio.io', 'v1', 'ServiceEntry', 'serviceentries');
export const VIRTUAL_SERVICES = resource('networking.istio.io', 'v1', 'VirtualService', 'virtualservices');
export const DESTINATION_RULES = resource('networking.istio.io', 'v1', 'DestinationRule', 'destinationrules');
export const WORKLOAD_ENTRIES = resource('networking.istio.io', 'v1', 'WorkloadEntry', 'workloadentries');

/** What every object has, as JSON has it: times are text. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque: only equality means something. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly controller?: boolean;
  }[];
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `namespace` `''` or undefined: all namespaces, for lists and watches. */
export function pathOf(of: Resource, namespace?: string, name?: string): string {
  const base = of.group === '' ? `/api/${of.version}` : `/apis/${of.group}/${of.version}`;
  const inside =
    of.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${base}${inside}/${of.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** `namespace/name`, or the name alone where there is no namespace. */
export function objectKey({ metadata }: KubeObject): string {
  return metadata.namespace === undefined || metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
