import type { BeforeApplicationShutdown } from '@nestjs/common';
import { ClientProxyFactory, Transport, type ClientProxy } from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';
import { isHop, type Hop } from '../../hop.ts';
import type { Discovery, Instance } from '../sdk/discovery.ts';
import { addressOf, WeightedBalancer } from '../sdk/weighted-balancer.ts';

/** Asks payments for a quote over Nest's TCP transport, at the port that an instance names in its Eureka metadata. */
export class QuoteClient implements BeforeApplicationShutdown {
  readonly #discovery: Discovery;
  readonly #balancer = new WeightedBalancer();
  readonly #clients = new Map<string, ClientProxy>();

  constructor(discovery: Discovery) {
    this.#discovery = discovery;
  }

  /** Never rejects: what fails is a hop with its reason. */
  async call(): Promise<Hop> {
    const about = { service: 'payments', path: 'sdk' } as const;
    const candidates = this.#discovery.instances('payments').flatMap(tcpInstance);
    this.#forgetAllBut(candidates);
    const picked = this.#balancer.pick(candidates);
    if (picked === undefined) return { ...about, unavailable: 'not registered yet', pending: true };
    try {
      const answer: unknown = await firstValueFrom(this.#clientOf(picked).send<unknown>('quote', {}).pipe(timeout(2_000)));
      if (isHop(answer)) return answer;
      return { ...about, unavailable: `${addressOf(picked)} answered no quote`, pending: false };
    } catch (error) {
      return {
        ...about,
        unavailable: `tcp ${addressOf(picked)}: ${error instanceof Error ? error.message : String(error)}`,
        pending: false,
      };
    }
  }

  beforeApplicationShutdown(): void {
    this.#forgetAllBut([]);
  }

  #clientOf(instance: Instance): ClientProxy {
    const address = addressOf(instance);
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: instance.host, port: instance.port } });
      this.#clients.set(address, client);
    }
    return client;
  }

  #forgetAllBut(instances: readonly Instance[]): void {
    const known = new Set(instances.map(addressOf));
    for (const [address, client] of this.#clients) {
      if (known.has(address)) continue;
      this.#clients.delete(address);
      void client.close();
    }
  }
}

function tcpInstance(instance: Instance): readonly Instance[] {
  const port = Number(instance.metadata['tcpPort']);
  return Number.isInteger(port) && port > 0 ? [{ ...instance, port }] : [];
}
