/** What is kept of Kubernetes' objects: a Pod has 10 kB of JSON, of which we need a few hundred bytes. */
import { isIP } from 'node:net';
import { NOWHERE, messageOf } from '@isthmus/model';
import type { Locality, Workload } from '@isthmus/model';
import type { KubeObject } from '@isthmus/kube';

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/ */
export interface Service extends KubeObject {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly ipFamilies?: readonly string[];
    readonly externalName?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly protocol?: string;
      readonly appProtocol?: string;
    }[];
  };
}

export interface KeptService {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: headless, or none yet. */
  readonly clusterIP: string | undefined;
  /** `IPv4` or `IPv6`: the family of the cluster IP; undefined where there is none. */
  readonly family: string | undefined;
  /** Set for type ExternalName. */
  readonly externalName: string | undefined;
  readonly publishNotReady: boolean;
  readonly ports: readonly KeptPort[];
  readonly exportTo: readonly string[] | undefined;
  /** Set where the object makes no sense: the rest is what it said before, if it did. */
  readonly unreadable?: string;
}

export interface KeptPort {
  /** `''` for the only port of a Service. */
  readonly name: string;
  readonly number: number;
  /** `TCP`, `UDP`, `SCTP`. */
  readonly transport: string;
  readonly appProtocol: string | undefined;
}

/** What Isthmus writes into the cluster is no service of the cluster. */
const MANAGED_BY = 'isthmus.dev/managed-by';
const EXPORT_TO = 'networking.istio.io/exportTo';

/** An object of another shape than the API's costs itself, not the list that it is in; what it said before counts on. */
export function keepService(service: Service, before?: KeptService): KeptService | undefined {
  try {
    return readService(service);
  } catch (thrown) {
    const { namespace = '', name } = service.metadata;
    const nothing = { clusterIP: undefined, family: undefined, externalName: undefined, exportTo: undefined };
    const known = before ?? { ...nothing, namespace, name, publishNotReady: false, ports: [] };
    return { ...known, unreadable: messageOf(thrown) };
  }
}

function readService({ metadata, spec = {} }: Service): KeptService | undefined {
  const { labels = {}, annotations = {}, namespace = '', name } = metadata;
  if (labels[MANAGED_BY] !== undefined) return undefined;
  const { clusterIP = '', ports = [] } = spec;
  const exportTo = annotations[EXPORT_TO]?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return {
    namespace,
    name,
    clusterIP: isIP(clusterIP) === 0 ? undefined : clusterIP,
    family: spec.ipFamilies?.[0],
    externalName: spec.type === 'ExternalName' ? (spec.externalName ?? '') : undefined,
    publishNotReady: spec.publishNotReadyAddresses === true,
    ports: ports.map((port) => ({
      name: port.name ?? '',
      number: port.port,
      transport: port.protocol ?? 'TCP',
      appProtocol: port.appProtocol,
    })),
    exportTo: exportTo === undefined || exportTo.length === 0 ? undefined : exportTo,
  };
}

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ */
export interface EndpointSlice extends KubeObject {
  readonly addressType?: string;
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
    readonly nodeName?: string;
    readonly zone?: string;
    readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
  }[];
}

export interface KeptSlice {
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType: string;
  readonly ports: readonly { readonly name: string; readonly number: number; readonly transport: string }[];
  readonly endpoints: readonly KeptEndpoint[];
  /** As of a Service. */
  readonly unreadable?: string;
}

export interface KeptEndpoint {
  readonly address: string;
  readonly ready: boolean;
  readonly node: string;
  readonly zone: string;
  /** `namespace/name`; `''` where none is named. */
  readonly pod: string;
}

/** As with Services. */
export function keepSlice(slice: EndpointSlice, before?: KeptSlice): KeptSlice | undefined {
  const { namespace = '', name, labels } = slice.metadata;
  const service = labels?.['kubernetes.io/service-name'];
  if (service === undefined || service === '') return undefined;
  try {
    return readSlice(slice, `${namespace}/${service}`);
  } catch (thrown) {
    const known = before ?? { addressType: 'IPv4', ports: [], endpoints: [] };
    return { ...known, service: `${namespace}/${service}`, unreadable: `EndpointSlice ${name}: ${messageOf(thrown)}` };
  }
}

function readSlice(slice: EndpointSlice, service: string): KeptSlice {
  return {
    service,
    addressType: slice.addressType ?? 'IPv4',
    // A port without a number means every port: nothing that could be dialled.
    ports: (slice.ports ?? []).flatMap(({ name = '', port, protocol = 'TCP' }) =>
      port === undefined ? [] : [{ name, number: port, transport: protocol }],
    ),
    endpoints: (slice.endpoints ?? []).flatMap(({ addresses = [], conditions, nodeName = '', zone = '', targetRef }) => {
      if (!Array.isArray(addresses)) throw new TypeError('addresses is no list');
      // Consumers take the first: the others are the same place (API reference of `addresses`).
      const [address] = addresses;
      if (address === undefined) return [];
      const pod =
        targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? slice.metadata.namespace ?? ''}/${targetRef.name ?? ''}` : '';
      // No word on readiness means ready. Ready is false for what terminates, unless not-ready addresses are asked for.
      return [{ address, ready: conditions?.ready !== false, node: nodeName, zone, pod }];
    }),
  };
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly hostNetwork?: boolean;
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** A workload but for its locality, which is its node's. */
export type KeptPod = Omit<Workload, 'locality'>;

export function keepPod({ metadata, spec = {}, status = {} }: Pod): KeptPod {
  const { namespace = '', name, uid = '', labels = {}, annotations = {} } = metadata;
  // A Pod that has ended keeps its address in the status, which may be another's by now.
  const ended = status.phase === 'Succeeded' || status.phase === 'Failed';
  const addresses = status.podIPs?.flatMap(({ ip }) => ip ?? []) ?? (status.podIP === undefined ? [] : [status.podIP]);
  return {
    id: `${namespace}/${name}`,
    uid,
    addresses: ended ? [] : addresses.map(canonical),
    ready: !ended && status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
    terminating: metadata.deletionTimestamp !== undefined,
    hostNetwork: spec.hostNetwork === true,
    labels,
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith('isthmus.dev/'))),
    owner: ownerOf(metadata),
    node: spec.nodeName ?? '',
    serviceAccount: spec.serviceAccountName ?? '',
    ports: (spec.containers ?? []).flatMap(({ ports = [] }) =>
      ports.flatMap(({ name: portName = '', containerPort, protocol = 'TCP' }) =>
        protocol === 'TCP' ? [{ name: portName, port: containerPort }] : [],
      ),
    ),
  };
}

/** A Deployment's ReplicaSets are named after it and the hash of the Pod template. */
function ownerOf({ name, labels = {}, ownerReferences = [] }: KubeObject['metadata']): string {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return name;
  const hash = labels['pod-template-hash'];
  const suffix = `-${hash ?? ''}`;
  return owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(suffix)
    ? owner.name.slice(0, -suffix.length)
    : owner.name;
}

function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Where a node is. */
export function keepNode({ metadata: { labels = {} } }: KubeObject): Locality {
  return {
    region: labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '',
    zone: labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '',
    subzone: labels['topology.istio.io/subzone'] ?? '',
  };
}

/** What a Pod's label says (`region.zone.subzone`), else its node, else the zone that the slice names. */
export function localityOf(labels: Readonly<Record<string, string>>, node: Locality | undefined, zone: string): Locality {
  const own = labels['istio-locality'];
  if (own !== undefined && own !== '') {
    const [region = '', of = '', subzone = ''] = own.split('.');
    return { region, zone: of, subzone };
  }
  if (node !== undefined && (node.region !== '' || node.zone !== '')) return node;
  return zone === '' ? NOWHERE : { region: '', zone, subzone: '' };
}

/** Equal content; objects are small and made by the same function, so their keys come in the same order. */
export function sameContent<T>(a: T, b: T): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
