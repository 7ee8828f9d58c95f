import { Agent, request } from 'node:http';

/** Consul takes at most 128 operations a transaction, of at most 512 kB in all. */
const OPERATIONS_PER_TRANSACTION = 64;
/** Nodes of nobody's agent, so that no anti-entropy takes the services away again. Consul gets slow with thousands of services on one. */
const NODES = 200;
const nodeOf = (id: string) => `isthmus-load-${[...id].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 9_973, 7) % NODES}`;

export interface LoadOptions {
  /** `http://127.0.0.1:8500` */
  readonly url: string;
  readonly token?: string;
  readonly datacenter?: string;
}

export interface LoadInstance {
  readonly service: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly meta?: Readonly<Record<string, string>>;
  readonly weight?: number;
}

/** Writes catalogs of thousands of instances into a real Consul, for tests and the bench. */
export class ConsulLoad {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** `services` services named `<prefix>-<n>` with `instances` each; a passing check for each instance unless told otherwise. */
  async register(
    prefix: string,
    services: number,
    instances: number,
    options: { readonly checks?: boolean } = {},
  ): Promise<void> {
    const operations: object[] = [];
    for (let n = 0; n < NODES; n += 1)
      operations.push({ Node: { Verb: 'set', Node: { Node: `isthmus-load-${n}`, Address: '127.0.0.1' } } });
    for (let s = 0; s < services; s += 1) {
      for (let i = 0; i < instances; i += 1) {
        const instance = loadInstance(prefix, s, i);
        operations.push(serviceOperation(instance));
        if (options.checks !== false) operations.push(checkOperation(instance, 'passing'));
      }
    }
    const batches: object[][] = [];
    const nodes = operations.splice(0, NODES);
    for (let at = 0; at < NODES; at += OPERATIONS_PER_TRANSACTION)
      await this.#put('/v1/txn', nodes.slice(at, at + OPERATIONS_PER_TRANSACTION));
    for (let at = 0; at < operations.length; at += OPERATIONS_PER_TRANSACTION)
      batches.push(operations.slice(at, at + OPERATIONS_PER_TRANSACTION));
    let next = 0;
    const work = async () => {
      while (next < batches.length) await this.#put('/v1/txn', batches[next++] as object[]);
    };
    await Promise.all([work(), work(), work(), work()]);
  }

  /** Adds or changes one instance. */
  async put(instance: LoadInstance, status: 'passing' | 'warning' | 'critical' = 'passing'): Promise<void> {
    const node = { Node: { Verb: 'set', Node: { Node: nodeOf(instance.id), Address: '127.0.0.1' } } };
    await this.#put('/v1/txn', [node, serviceOperation(instance), checkOperation(instance, status)]);
  }

  async delete(id: string): Promise<void> {
    await this.#put('/v1/catalog/deregister', { Node: nodeOf(id), ServiceID: id });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws Error naming the path and what Consul answered */
  #put(path: string, body: unknown): Promise<void> {
    const { url, token, datacenter } = this.#options;
    const query = datacenter === undefined ? '' : `?dc=${datacenter}`;
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { 'x-consul-token': token }) };
    return new Promise((resolve, reject) => {
      const call = request(`${url}${path}${query}`, { method: 'PUT', agent: this.#agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`PUT ${path}: ${response.statusCode} ${text.slice(0, 300)}`));
        });
      });
      call.on('error', reject);
      call.end(JSON.stringify(body));
    });
  }
}

/** The instance that `register` makes for service number `s`, instance number `i`. */
export function loadInstance(prefix: string, s: number, i: number): LoadInstance {
  const n = s * 16 + i;
  const address = `10.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  return {
    service: `${prefix}-${s}`,
    id: `${prefix}-${s}-${i}`,
    address,
    port: 8080,
    meta: { version: 'v1', zone: `az-${i % 3}` },
  };
}

function serviceOperation(instance: LoadInstance): object {
  const Service = {
    ID: instance.id,
    Service: instance.service,
    Address: instance.address,
    Port: instance.port,
    Meta: instance.meta ?? {},
    Weights: { Passing: instance.weight ?? 1, Warning: 1 },
  };
  return { Service: { Verb: 'set', Node: nodeOf(instance.id), Service } };
}

function checkOperation(instance: LoadInstance, status: string): object {
  const CheckID = `service:${instance.id}`;
  const Check = {
    Node: nodeOf(instance.id),
    CheckID,
    Name: CheckID,
    Status: status,
    ServiceID: instance.id,
    ServiceName: instance.service,
  };
  return { Check: { Verb: 'set', Check } };
}
