import { IsthmusError } from '@isthmus/model';
import { marksToMetadata, marksOf } from '../marks.ts';
import { addressKey } from '../sink-plan.ts';
import type { PublishedName, SinkEntry, SinkSession, SinkWire } from '../registry-sink.ts';
import type { SeenInstance, SinkHarness } from './sink-harness.ts';

interface Stored extends SeenInstance {
  readonly expiresAt: number;
  readonly ttlMs: number;
}

/** A registry in memory with leases, passwords and faults: what the sinks promise is tried on it in milliseconds. */
export class MemoryRegistry implements SinkHarness {
  readonly ttlMs: number;
  readonly goneWithinMs: number;
  readonly #services = new Map<string, Map<string, Stored>>();
  #state: 'up' | 'down' | 'hanging' = 'up';
  /** Calls of each kind, in order: `register orders 10.0.0.1 80`. */
  readonly calls: string[] = [];
  /** Names that are refused, as where rights are missing. */
  readonly forbidden = new Set<string>();

  constructor(ttlMs = 400) {
    this.ttlMs = ttlMs;
    this.goneWithinMs = ttlMs * 10;
  }

  wire(password: 'right' | 'wrong' = 'right'): SinkWire {
    return {
      connect: async (_, signal) => {
        await this.#reach(signal);
        if (password === 'wrong') throw new IsthmusError('registry.auth', 'the password is wrong');
        return this.#session();
      },
    };
  }

  async seen(service: string): Promise<readonly SeenInstance[]> {
    return [...(this.#services.get(service)?.values() ?? [])]
      .filter((entry) => entry.expiresAt > Date.now())
      .map(({ address, port, weight, metadata }) => ({ address, port, weight, metadata }));
  }

  async register(service: string, address: string, port: number): Promise<void> {
    const entry = { address, port, weight: 1, metadata: {}, expiresAt: Number.POSITIVE_INFINITY, ttlMs: 0 };
    this.#service(service).set(`foreign ${addressKey(entry)}`, entry);
  }

  async down(): Promise<void> {
    this.#state = 'down';
  }

  async up({ keepData }: { readonly keepData: boolean }): Promise<void> {
    if (!keepData) this.#services.clear();
    this.#state = 'up';
  }

  async hang(): Promise<void> {
    this.#state = 'hanging';
  }

  async resume(): Promise<void> {
    this.#state = 'up';
  }

  async close(): Promise<void> {
    this.#services.clear();
  }

  #service(name: string): Map<string, Stored> {
    const known = this.#services.get(name) ?? new Map<string, Stored>();
    this.#services.set(name, known);
    return known;
  }

  /** Every call takes a turn of the event loop, and a hanging registry's calls end with their deadline. */
  async #reach(signal: AbortSignal): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) throw new IsthmusError('registry.unreachable', 'aborted');
    if (this.#state === 'down') throw new IsthmusError('registry.unreachable', 'the registry is down');
    if (this.#state === 'hanging') {
      await new Promise((resolve) => setTimeout(resolve, 30));
      throw new IsthmusError('registry.timeout', 'the registry does not answer');
    }
  }

  #session(): SinkSession {
    const call = async (what: string, at: PublishedName, entry: SinkEntry | undefined, signal: AbortSignal) => {
      await this.#reach(signal);
      this.calls.push(`${what} ${at.name}${entry === undefined ? '' : ` ${addressKey(entry)}`}`);
      if (this.forbidden.has(at.name)) throw new IsthmusError('registry.auth', `permission denied for ${at.name}`);
      return this.#service(at.name);
    };
    return {
      list: async (at, signal) =>
        [...(await call('list', at, undefined, signal)).values()]
          .filter((entry) => entry.expiresAt > Date.now())
          .map(({ address, port, metadata }) => ({ address, port, marks: marksOf(metadata) })),
      register: async (entry, signal) => {
        const { address, port, weight, ttlMs } = entry;
        const metadata = { ...entry.metadata, ...marksToMetadata(entry.marks) };
        const stored = { address, port, weight, metadata, ttlMs, expiresAt: Date.now() + ttlMs };
        (await call('register', entry.at, entry, signal)).set(addressKey(entry), stored);
      },
      renew: async (entry, signal) => {
        const service = await call('renew', entry.at, entry, signal);
        const known = service.get(addressKey(entry));
        if (known === undefined || known.expiresAt <= Date.now()) return 'unknown';
        service.set(addressKey(entry), { ...known, expiresAt: Date.now() + known.ttlMs });
        return 'renewed';
      },
      deregister: async (entry, signal) => void (await call('deregister', entry.at, entry, signal)).delete(addressKey(entry)),
      mayWrite: async (at, signal) => void (await call('may write', at, undefined, signal)),
      close: () => undefined,
    };
  }
}
