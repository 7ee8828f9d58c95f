import { Backend } from './backend.ts';
import type { Pods } from './pods.ts';

/** The Pods of `orders`, each with a real server at its address, and what happens to them when nodes die. All use one port. */
export class MovingPods {
  readonly #pods: Pods;
  readonly #port: number;
  readonly #backends = new Map<string, Backend>();
  #stranger: Backend | undefined;

  constructor(pods: Pods, port: number) {
    this.#pods = pods;
    this.#port = port;
  }

  async bringUp(address: string): Promise<void> {
    this.#backends.set(address, await Backend.start(address, address, this.#port));
    await this.#pods.create(podOf(address), 'orders', address, this.#port);
  }

  /** What happens when a node dies: nothing answers, the Pod is removed, and nobody tells the registry. */
  async tearDown(address: string): Promise<void> {
    await this.#backends.get(address)?.stop();
    this.#backends.delete(address);
    await this.#pods.delete(podOf(address));
  }

  /** Kubernetes gives the address to a Pod of `payments` at once. */
  async handOver(address: string): Promise<void> {
    await this.tearDown(address);
    this.#stranger = await Backend.start('payments', address, this.#port);
    await this.#pods.create('payments-1', 'payments', address, this.#port);
  }

  async takeBack(): Promise<void> {
    await this.#stranger?.stop();
    this.#stranger = undefined;
    await this.#pods.delete('payments-1');
  }

  /** The address that answered. An answer of something that is not `orders` is worse than none. */
  checked(status: number, body: string): string {
    if (status !== 200 || !this.#backends.has(body)) throw new Error(`${status} ${body}`);
    return body;
  }

  async stop(): Promise<void> {
    await this.#stranger?.stop();
    await Promise.all([...this.#backends.values()].map((backend) => backend.stop()));
  }
}

function podOf(address: string): string {
  return `orders-${address.replaceAll('.', '-')}`;
}
