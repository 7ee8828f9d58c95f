/** Objects as Kubernetes' controllers and users write them. */
import type { TestInstance } from '@isthmus/registry/testing';
import type { EndpointSlice, Pod, Service } from '../kept.ts';

type Ports = NonNullable<NonNullable<Service['spec']>['ports']>;

export function serviceObject(
  namespace: string,
  name: string,
  ports: Ports = [{ name: 'http', port: 80 }],
  more: Partial<Service> = {},
): Service {
  const { metadata, spec, ...rest } = more;
  return { metadata: { namespace, name, ...metadata }, spec: { ports, ...spec }, ...rest };
}

export function podName(address: string): string {
  return `pod-${address.replace(/[.:]/g, '-')}`;
}

export interface TestPod {
  readonly address: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ready?: boolean;
  readonly node?: string;
  readonly serviceAccount?: string;
  readonly name?: string;
}

export function podObject(namespace: string, { address, labels = {}, ready = true, node, serviceAccount, name }: TestPod): Pod {
  return {
    metadata: { namespace, name: name ?? podName(address), labels },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
      containers: [{ name: 'main', image: 'none', ports: [{ containerPort: 8080 }] } as never],
    },
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

/** A slice of one instance, so that every instance can have a port of its own. */
export function sliceObject(namespace: string, service: string, instance: TestInstance, portName = 'http'): EndpointSlice {
  const { address, port, healthy = true } = instance;
  return sliceOf(
    namespace,
    service,
    `${service}-${podName(address)}-${port}`,
    [{ name: portName, port }],
    [
      {
        addresses: [address],
        conditions: { ready: healthy, serving: healthy, terminating: false },
        targetRef: { kind: 'Pod', namespace, name: podName(address) },
      },
    ],
  );
}

export function sliceOf(
  namespace: string,
  service: string,
  name: string,
  ports: NonNullable<EndpointSlice['ports']>,
  endpoints: NonNullable<EndpointSlice['endpoints']>,
  addressType = 'IPv4',
): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': service };
  return {
    metadata: { namespace, name, labels },
    addressType,
    ports: ports.map((port) => ({ protocol: 'TCP', ...port })),
    endpoints,
  };
}
