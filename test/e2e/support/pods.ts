import type { KubernetesServer } from '@isthmus/servers';

/** Pods as a kubelet would write them: there is none in a test, so nothing runs in them. */
export class Pods {
  readonly #cluster: KubernetesServer;
  readonly #namespace: string;

  private constructor(cluster: KubernetesServer, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  /** Makes the namespace. */
  static async in(cluster: KubernetesServer, namespace: string): Promise<Pods> {
    await cluster.must({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: namespace } } });
    return new Pods(cluster, namespace);
  }

  /** A Ready Pod with one container port. */
  async create(name: string, app: string, address: string, port: number): Promise<void> {
    const container = { name: 'app', image: 'app', ports: [{ name: 'http', containerPort: port }] };
    const spec = { nodeName: 'node-1', containers: [container] };
    const metadata = { name, labels: { app } };
    await this.#cluster.must({ method: 'POST', path: this.#path(), body: { metadata, spec } });
    await this.#status(name, {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: 'True' }],
    });
  }

  async setReady(name: string, ready: boolean): Promise<void> {
    await this.#status(name, { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] });
  }

  /** At once, as after its grace period. */
  async delete(name: string): Promise<void> {
    await this.#cluster.must({ method: 'DELETE', path: `${this.#path()}/${name}?gracePeriodSeconds=0` });
  }

  /** Asked to end: it is terminating until somebody removes it. */
  async terminate(name: string): Promise<void> {
    await this.#cluster.must({ method: 'DELETE', path: `${this.#path()}/${name}?gracePeriodSeconds=600` });
  }

  async #status(name: string, status: object): Promise<void> {
    await this.#cluster.must({ method: 'PATCH', path: `${this.#path()}/${name}/status`, body: { status } });
  }

  #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/pods`;
  }
}
