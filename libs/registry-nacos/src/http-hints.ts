import { NacosNamingClient } from 'nacos';
import type { ServerAddress } from './server-address.ts';

/** npm `nacos` polls every subscribed service by itself; above this the listing interval alone has to do. */
const MOST_HINTED = 500;

/**
 * npm `nacos`, the client of Nacos 1: it hears UDP pushes and polls. It never tells of a last removal, swallows errors and only
 * sees the cluster DEFAULT, so its events only say "ask now"; what counts is what our own reads give.
 *
 * Not used with `auth`: it would put user and password into every URL.
 */
export class HttpHints {
  readonly #client: InstanceType<typeof NacosNamingClient>;
  readonly #listeners = new Map<string, () => void>();
  readonly #onChange: (group: string, name: string) => void;

  constructor(server: ServerAddress, namespace: string, onChange: (group: string, name: string) => void) {
    const { host, protocol } = new URL(server.http);
    const quiet = () => undefined;
    const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, log: quiet } as unknown as typeof console;
    this.#client = new NacosNamingClient({ logger, serverList: host, namespace, ssl: protocol === 'https:' });
    this.#onChange = onChange;
    // Errors of its parts would be printed; ours is to know by ourselves.
    const parts = this.#client as unknown as Record<
      '_hostReactor' | '_serverProxy',
      { on?(event: 'error', listener: () => void): void } | undefined
    >;
    parts._hostReactor?.on?.('error', quiet);
    parts._serverProxy?.on?.('error', quiet);
    (this.#client as unknown as { on(event: 'error', listener: () => void): void }).on('error', quiet);
  }

  async ready(): Promise<void> {
    await this.#client.ready();
  }

  subscribe(groupName: string, serviceName: string): void {
    const key = `${groupName}@@${serviceName}`;
    if (this.#listeners.has(key) || this.#listeners.size >= MOST_HINTED) return;
    const listener = () => this.#onChange(groupName, serviceName);
    this.#listeners.set(key, listener);
    this.#client.subscribe({ groupName, serviceName }, listener);
  }

  unsubscribe(groupName: string, serviceName: string): void {
    const key = `${groupName}@@${serviceName}`;
    const listener = this.#listeners.get(key);
    if (listener === undefined) return;
    this.#listeners.delete(key);
    this.#client.unSubscribe({ groupName, serviceName }, listener);
  }

  close(): void {
    for (const key of [...this.#listeners.keys()]) {
      const [group = '', ...name] = key.split('@@');
      this.unsubscribe(group, name.join('@@'));
    }
    void (this.#client as unknown as { close(): Promise<void> }).close().catch(() => undefined);
  }
}
