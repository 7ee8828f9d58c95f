import { NacosConnection } from '../connection.ts';
import { eachLimited } from '@isthmus/registry';
import { defaultTiming } from '../timing.ts';
import type { FakeInstance } from './fake-store.ts';

export interface ProviderOptions {
  /** gRPC address, host:port. */
  readonly address: string;
  readonly token?: string | undefined;
  /** Default `public`. */
  readonly namespace?: string;
}

export interface ProvidedService {
  /** Default `DEFAULT_GROUP`. */
  readonly group?: string;
  readonly name: string;
  readonly instances: readonly FakeInstance[];
}

/** A provider of ephemeral instances: they live as long as its connection, no beats are needed. Patient with a server that hangs. */
export class NacosProvider {
  readonly #options: ProviderOptions;
  readonly #services = new Map<string, ProvidedService>();
  #connection: NacosConnection | undefined;
  readonly #over = new AbortController();

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** Connects, anew where it was connected, and registers everything that was registered before. */
  async connect(): Promise<void> {
    this.#connection?.close();
    const { address, token, namespace = 'public' } = this.#options;
    const timing = { ...defaultTiming, requestDeadline: 60_000 };
    this.#connection = await NacosConnection.open(
      { address, token: () => token, namespace, timing, onPush: () => undefined },
      this.#over.signal,
    );
    await eachLimited(this.#services.values(), 64, (service) => this.#send(service));
  }

  /** The whole list of this provider's instances of one service; replaces the earlier one. */
  async provide(service: ProvidedService): Promise<void> {
    this.#services.set(`${service.group ?? ''}@@${service.name}`, service);
    await this.#send(service);
  }

  /** Everything it registered is forgotten, at the server only when it is connected no more. */
  forget(): void {
    this.#services.clear();
  }

  /** Its instances go. */
  close(): void {
    this.#over.abort();
    this.#connection?.close();
  }

  async #send({ group = 'DEFAULT_GROUP', name, instances }: ProvidedService): Promise<void> {
    const { namespace = 'public' } = this.#options;
    await this.#connection?.request('BatchInstanceRequest', {
      namespace,
      groupName: group,
      serviceName: name,
      type: 'batchRegisterInstance',
      instances: instances.map((instance) => ({
        weight: 1,
        healthy: true,
        enabled: true,
        ephemeral: true,
        clusterName: 'DEFAULT',
        metadata: {},
        ...instance,
      })),
    });
  }
}
