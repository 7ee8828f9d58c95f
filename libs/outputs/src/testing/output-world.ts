import { KubeClient } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import { soleWriter } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { KubernetesOutput } from '../kubernetes/kubernetes-output.ts';
import type { KubernetesOutputOptions } from '../kubernetes/kubernetes-output.ts';
import { Hosts } from './hosts.ts';

/** A cluster, what hosts are, and outputs that write these into it. */
export class OutputWorld {
  readonly api: FakeApi;
  readonly hosts = new Hosts();
  readonly #client: KubeClient;
  #stop = new AbortController();
  #running: Promise<void>[] = [];

  private constructor(api: FakeApi) {
    this.api = api;
    this.#client = new KubeClient(api.access());
  }

  static async open(): Promise<OutputWorld> {
    const api = new FakeApi();
    await api.start();
    return new OutputWorld(api);
  }

  /** Aborted when the outputs are to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  start(more: Partial<KubernetesOutputOptions> = {}): KubernetesOutput {
    const output = new KubernetesOutput({
      name: 'kubernetes k8s/isthmus',
      client: this.#client,
      meshId: 'shop',
      render: this.hosts.render,
      namespace: 'isthmus',
      callerNamespaces: [],
      createNamespaces: false,
      rate: { perSecond: 1_000, burst: 1_000 },
      writer: soleWriter,
      maxRemovalPercent: 50,
      confirmAfterMs: 60_000,
      retry: { firstMs: 1, mostMs: 5 },
      ...more,
    });
    this.#running.push(output.run(this.#stop.signal));
    return output;
  }

  /** Ends the outputs that run; others can be started after them. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.splice(0));
    this.#stop = new AbortController();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#client.close();
    await this.api.stop();
  }

  /** Requests that write, in their order: `PATCH /apis/…`. */
  get writes(): readonly string[] {
    return this.api.requests.filter((line) => /^(?:PATCH|DELETE|POST)/.test(line));
  }
}

export async function settled(output: KubernetesOutput): Promise<void> {
  await until('everything is written', () => output.pending === 0);
}
