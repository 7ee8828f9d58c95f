/** An object as `kubectl apply` takes it: what an output keeps in a file or in a cluster. */
export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** JSON. */
  readonly spec: unknown;
}

/** `ServiceEntry isthmus/orders.nacos`: unique within an output. */
export function objectKey({ kind, metadata }: Pick<MeshObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}
