import type { MeshHost, MeshObject } from '@isthmus/model';
import type { Render } from '../object-output.ts';

/** What hosts are, as the test says it: the number of endpoints of their one ServiceEntry; 0 or unknown: gone. */
export class Hosts {
  readonly #sizes = new Map<MeshHost, number>();
  readonly namespace: string;
  /** How often each host was rendered. */
  readonly rendered: MeshHost[] = [];

  constructor(namespace = 'isthmus') {
    this.namespace = namespace;
  }

  set(host: string, endpoints: number): MeshHost {
    this.#sizes.set(host as MeshHost, endpoints);
    return host as MeshHost;
  }

  get all(): readonly MeshHost[] {
    return [...this.#sizes.keys()];
  }

  readonly render: Render = (host) => {
    this.rendered.push(host);
    const size = this.#sizes.get(host) ?? 0;
    return size === 0 ? [] : [this.object(host, size)];
  };

  object(host: string, endpoints: number): MeshObject {
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: {
        name: host,
        namespace: this.namespace,
        labels: { 'app.kubernetes.io/managed-by': 'isthmus' },
        annotations: { 'isthmus.dev/origins': `shop/public/DEFAULT_GROUP/${host}` },
      },
      spec: {
        hosts: [host],
        addresses: ['240.241.0.9'],
        ports: [{ number: 80, name: 'http-80', protocol: 'HTTP' }],
        location: 'MESH_INTERNAL',
        resolution: 'STATIC',
        endpoints: Array.from({ length: endpoints }, (_, n) => ({
          address: `10.0.${n >> 8}.${n & 255}`,
          ports: { 'http-80': 8080 },
          weight: 100,
        })),
      },
    };
  }
}
