import { IsthmusError } from '@isthmus/model';
import type { LedgerHead, LedgerStore } from '@isthmus/model';

/** What the stores of several replicas share: the server, in memory. */
export class MemoryServer {
  head: LedgerHead | undefined;
  readonly blobs = new Map<string, Uint8Array>();
  /** Every head that was ever written, in order. */
  readonly history: string[] = [];
  readonly #waiting = new Set<() => void>();
  #versions = 0;

  write(text: string): string {
    this.#versions += 1;
    this.head = { version: String(this.#versions), text };
    this.history.push(text);
    this.tell();
    return this.head.version;
  }

  /** The server lost its data. */
  wipe(): void {
    this.head = undefined;
    this.blobs.clear();
    this.tell();
  }

  tell(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        if (signal.aborted) reject(signal.reason as Error);
        else resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }
}

/** One replica's way to it, which can be cut. */
export class MemoryStore implements LedgerStore {
  readonly where = 'memory';
  readonly mostBlobBytes: number;
  readonly #server: MemoryServer;
  /** No call is answered with anything but an error. */
  cut = false;
  /** What every write is answered with: rights that are missing, a quota. */
  refusal: IsthmusError | undefined;
  /** The next head is written, but its answer is lost. */
  loseAnswer = false;

  constructor(server: MemoryServer, mostBlobBytes = 1_000) {
    this.#server = server;
    this.mostBlobBytes = mostBlobBytes;
  }

  async readHead(signal: AbortSignal): Promise<LedgerHead | undefined> {
    this.#check(signal);
    return this.#server.head;
  }

  async nextHead(version: string | undefined, signal: AbortSignal): Promise<LedgerHead | undefined> {
    this.#check(signal);
    while (this.#server.head?.version === version) {
      await this.#server.changed(signal);
      this.#check(signal);
    }
    return this.#server.head;
  }

  async writeHead(text: string, expected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    this.#check(signal);
    if (this.refusal !== undefined) throw this.refusal;
    if (this.#server.head?.version !== expected) return undefined;
    const version = this.#server.write(text);
    if (!this.loseAnswer) return version;
    this.loseAnswer = false;
    throw unreachable();
  }

  async readBlob(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    this.#check(signal);
    return this.#server.blobs.get(name);
  }

  async writeBlob(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    if (this.refusal !== undefined) throw this.refusal;
    if (bytes.length > this.mostBlobBytes)
      throw new IsthmusError('ledger.unwritable', `${name} has ${bytes.length} bytes`, { remedy: 'split it' });
    this.#server.blobs.set(name, Uint8Array.from(bytes));
  }

  async removeBlob(name: string, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    this.#server.blobs.delete(name);
  }

  async listBlobs(signal: AbortSignal): Promise<readonly string[]> {
    this.#check(signal);
    return [...this.#server.blobs.keys()];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.cut) throw unreachable();
  }
}

function unreachable(): IsthmusError {
  return new IsthmusError('ledger.unreachable', 'the store is cut off');
}
