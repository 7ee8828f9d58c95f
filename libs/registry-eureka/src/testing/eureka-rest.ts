import { Agent, request } from 'node:http';
import { instanceId } from './wire-instance.ts';
import type { WireInstance } from './wire-instance.ts';

/** Instances in one replication message; a server takes thousands, this keeps a message near 250 kB. */
const BATCH = 250;

/** What providers do at a real Eureka: register, deregister, be taken out by an operator. Many at a time. */
export class EurekaRest {
  readonly #url: string;
  readonly #authorization: string | undefined;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  /** @param account `user:password`, where the server asks for it. */
  constructor(url: string, account?: string) {
    this.#url = url;
    this.#authorization = account === undefined ? undefined : `Basic ${Buffer.from(account).toString('base64')}`;
  }

  async register(instance: WireInstance): Promise<void> {
    await this.#call('POST', `/apps/${encodeURIComponent(instance.app)}`, { instance });
  }

  /** As a peer would: some thousand instances a second. Not replicated any further, so tell every server of a cluster. */
  async registerAll(instances: readonly WireInstance[]): Promise<void> {
    const batches: WireInstance[][] = [];
    for (let from = 0; from < instances.length; from += BATCH) batches.push(instances.slice(from, from + BATCH));
    const next = batches.values();
    const send = async () => {
      for (const batch of next) {
        const replicationList = batch.map((instance) => ({
          appName: instance.app,
          id: instance.instanceId,
          lastDirtyTimestamp: Number(instance['lastDirtyTimestamp']),
          overriddenStatus: 'UNKNOWN',
          status: instance.status,
          instanceInfo: instance,
          action: 'Register',
        }));
        await this.#call('POST', '/peerreplication/batch/', { replicationList });
      }
    };
    await Promise.all(Array.from({ length: 4 }, send));
  }

  async deregister(app: string, address: string, port: number): Promise<void> {
    await this.#call('DELETE', this.#path(app, address, port));
  }

  /** An operator's override; undefined takes it back. */
  async override(app: string, address: string, port: number, status: string | undefined): Promise<void> {
    const path = `${this.#path(app, address, port)}/status?value=${status ?? 'UP'}`;
    await this.#call(status === undefined ? 'DELETE' : 'PUT', path);
  }

  close(): void {
    this.#agent.destroy();
  }

  #path(app: string, address: string, port: number): string {
    return `/apps/${encodeURIComponent(app)}/${encodeURIComponent(instanceId(app, address, port))}`;
  }

  #call(method: string, path: string, body?: unknown): Promise<void> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
    };
    return new Promise((resolve, reject) => {
      const call = request(`${this.#url}${path}`, { method, headers, agent: this.#agent, timeout: 30_000 }, (response) => {
        const status = response.statusCode ?? 0;
        response.resume().on('end', () => {
          if (status < 300) resolve();
          else reject(new Error(`${method} ${path} answers ${status}`));
        });
      });
      call.on('timeout', () => call.destroy(new Error(`${method} ${path} does not answer`)));
      call.on('error', reject).end(payload);
    });
  }
}
