/**
 * Servers that are lent to one test file after another: a start of Nacos is four seconds of CPU, and most files neither stop theirs nor mind
 * that it ran before. A loan is exclusive, and what comes back is emptied before the next one has it, or ended when it cannot be.
 *
 * It lives in the process that outlives them all (Jest's own, test/lending.mjs) and is asked by TCP: one line with the kind, one with the
 * answer. The connection is the loan: when it ends, however it ends, the server is back. Its servers end with its process (guard.ts).
 */
import { once } from 'node:events';
import { createServer, type Server as Listener, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

type Ports = Readonly<Record<string, number>>;

export interface Lendable {
  readonly ports: Ports;
  stop(): Promise<void>;
}

export interface Contents {
  /** What a server that has just started does not have; empty: nothing. */
  left(ports: Ports): Promise<string>;
  /** Takes away what can be taken away. It may be called again: clients that are about to end bring back what they have. */
  clear(ports: Ports): Promise<void>;
}

export interface LentKind {
  start(): Promise<Lendable>;
  readonly contents: Contents;
}

export type Answer = { readonly ports: Ports } | { readonly error: string };

export interface LenderOptions {
  /** So many of a kind are kept while nobody has them; default 2. */
  readonly mostIdle?: number;
  /** How long they are: an idle Nacos uses 15 ms of CPU a second. Default two minutes. */
  readonly idleMs?: number;
  /** How long a server may take to be empty; default 10 s. */
  readonly emptyWithinMs?: number;
  /** How often it is looked at until then; default 100 ms. */
  readonly lookEveryMs?: number;
  /** A server was ended because of what was on it. Default: a line on stderr. */
  readonly onLeft?: (kind: string, left: string) => unknown;
}

interface Idle {
  readonly server: Lendable;
  readonly timer: NodeJS.Timeout;
}

interface Shelf {
  readonly name: string;
  readonly kind: LentKind;
  readonly idle: Idle[];
  readonly emptying: Set<Promise<void>>;
}

const DEFAULTS: Required<LenderOptions> = {
  mostIdle: 2,
  idleMs: 120_000,
  emptyWithinMs: 10_000,
  lookEveryMs: 100,
  onLeft: (kind, left) => process.stderr.write(`a lent ${kind} is ended: what its borrower left on it did not go (${left})\n`),
};

export class Lender {
  readonly #shelves: ReadonlyMap<string, Shelf>;
  readonly #options: Required<LenderOptions>;
  readonly #listener: Listener;
  readonly #borrowers = new Set<Socket>();
  readonly #servers = new Set<Lendable>();
  #closed = false;

  private constructor(kinds: Readonly<Record<string, LentKind>>, options: LenderOptions) {
    const shelf = (name: string, kind: LentKind): Shelf => ({ name, kind, idle: [], emptying: new Set() });
    this.#shelves = new Map(Object.entries(kinds).map(([name, kind]) => [name, shelf(name, kind)]));
    this.#options = { ...DEFAULTS, ...options };
    this.#listener = createServer((borrower) => void this.#serve(borrower));
  }

  static async open(kinds: Readonly<Record<string, LentKind>>, options: LenderOptions = {}): Promise<Lender> {
    const lender = new Lender(kinds, options);
    lender.#listener.listen(0, '127.0.0.1');
    await once(lender.#listener, 'listening');
    return lender;
  }

  get port(): number {
    return (this.#listener.address() as { readonly port: number }).port;
  }

  /** Ends what it lent, too. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listener.close();
    for (const borrower of this.#borrowers) borrower.destroy();
    for (const { idle } of this.#shelves.values()) for (const { timer } of idle.splice(0)) clearTimeout(timer);
    await Promise.all([...this.#servers].map((server) => this.#end(server)));
  }

  async #serve(borrower: Socket): Promise<void> {
    this.#borrowers.add(borrower);
    borrower.on('error', () => undefined); // a borrower that was killed; `close` follows
    borrower.once('close', () => this.#borrowers.delete(borrower));
    // Its `end` is answered by ours, so what it gave back is on its way to the shelf before it goes on and asks for the next one.
    const left = new Promise((resolve) => borrower.once('end', resolve).once('close', resolve));
    const answer = (said: Answer): string => `${JSON.stringify(said)}\n`;
    const shelf = this.#shelves.get(await firstLine(borrower));
    if (shelf === undefined) {
      borrower.end(answer({ error: `nobody lends that; there are ${[...this.#shelves.keys()].join(', ')}` }));
      return;
    }
    try {
      const server = await this.#take(shelf);
      borrower.write(answer({ ports: server.ports }));
      await left;
      await this.#takeBack(shelf, server);
    } catch (error) {
      borrower.end(answer({ error: messageOf(error) }));
    }
  }

  async #take(shelf: Shelf): Promise<Lendable> {
    for (;;) {
      const kept = shelf.idle.pop();
      if (kept !== undefined) {
        clearTimeout(kept.timer);
        // A client that outlived its file may have come back meanwhile.
        if (await this.#isEmpty(shelf, kept.server)) return kept.server;
        continue;
      }
      // One that is back in a moment costs less than a start.
      const [soon] = shelf.emptying;
      if (soon === undefined) break;
      await soon;
    }
    const server = await shelf.kind.start();
    this.#servers.add(server);
    if (!this.#closed) return server;
    await this.#end(server);
    throw new Error('the run of tests has ended');
  }

  async #takeBack(shelf: Shelf, server: Lendable): Promise<void> {
    if (this.#closed) return;
    const back = this.#shelve(shelf, server);
    shelf.emptying.add(back);
    await back.finally(() => shelf.emptying.delete(back));
  }

  async #shelve(shelf: Shelf, server: Lendable): Promise<void> {
    const { contents } = shelf.kind;
    const deadline = Date.now() + this.#options.emptyWithinMs;
    const look = (): Promise<string> => contents.left(server.ports).catch(messageOf);
    while (!this.#closed && (await look()) !== '' && Date.now() < deadline) {
      await contents.clear(server.ports).catch(() => undefined); // what it left is looked at again
      await delay(this.#options.lookEveryMs);
    }
    if (this.#closed || !(await this.#isEmpty(shelf, server))) return;
    if (shelf.idle.length >= this.#options.mostIdle) return this.#end(server);
    const timer = setTimeout(() => {
      shelf.idle.splice(shelf.idle.indexOf(entry), 1);
      void this.#end(server);
    }, this.#options.idleMs);
    const entry: Idle = { server, timer };
    timer.unref();
    shelf.idle.push(entry);
  }

  /** If not, it is ended. */
  async #isEmpty({ name, kind }: Shelf, server: Lendable): Promise<boolean> {
    const left = await kind.contents.left(server.ports).catch(messageOf);
    if (left === '') return true;
    if (!this.#closed) this.#options.onLeft(name, left);
    await this.#end(server);
    return false;
  }

  async #end(server: Lendable): Promise<void> {
    await server.stop();
    this.#servers.delete(server);
  }
}

async function firstLine(socket: Socket): Promise<string> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  const [line] = (await once(createInterface(socket), 'line', { signal: gone.signal }).catch(() => [''])) as [string];
  return line;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
