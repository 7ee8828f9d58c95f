import { Worker } from 'node:worker_threads';
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
  readonly #worker: Worker;
  readonly #subscribed = new Set<string>();

  constructor(server: ServerAddress, namespace: string, onChange: (group: string, name: string) => void) {
    const { host, protocol } = new URL(server.http);
    const file = import.meta.url.endsWith('.ts') ? './http-hints.worker.ts' : './http-hints.worker.js';
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: { serverList: host, namespace, ssl: protocol === 'https:' },
      resourceLimits: { maxOldGenerationSizeMb: 256 },
      stdout: true, // it prints what goes wrong; nobody reads these
      stderr: true,
    });
    this.#worker.unref();
    this.#worker.on('message', ({ groupName, serviceName }: { groupName: string; serviceName: string }) =>
      onChange(groupName, serviceName),
    );
    this.#worker.on('error', () => undefined); // no more hints: the listing finds everything
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
  }

  subscribe(groupName: string, serviceName: string): void {
    const key = `${groupName}@@${serviceName}`;
    if (this.#subscribed.has(key) || this.#subscribed.size >= MOST_HINTED) return;
    this.#subscribed.add(key);
    this.#worker.postMessage({ subscribe: true, groupName, serviceName });
  }

  unsubscribe(groupName: string, serviceName: string): void {
    if (this.#subscribed.delete(`${groupName}@@${serviceName}`))
      this.#worker.postMessage({ subscribe: false, groupName, serviceName });
  }

  close(): void {
    void this.#worker.terminate();
  }
}
