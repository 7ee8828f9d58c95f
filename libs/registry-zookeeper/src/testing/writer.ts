import { ZkConnection } from '../wire/connection.ts';
import { isRefusal, OP, ZK_ERROR } from '../wire/protocol.ts';

const ALL = 31;
const ALL_BUT_READ = 30;
/** ZooKeeper's own "everybody" and "whoever creates it". */
const EVERYBODY = { scheme: 'world', id: 'anyone' } as const;
const CREATOR = { scheme: 'auth', id: '' } as const;

/** What writes in tests: providers, operators. Its nodes belong to its user when it has one. */
export class ZkWriter {
  readonly #port: number;
  readonly #digest: string | undefined;
  #connection: ZkConnection | undefined;

  constructor(port: number, digest?: string) {
    this.#port = port;
    this.#digest = digest;
  }

  async connect(): Promise<void> {
    this.close();
    const where = { host: '127.0.0.1', port: this.#port, sessionTimeout: 30_000, digest: this.#digest };
    this.#connection = await ZkConnection.open({ ...where, onWatch: () => undefined }, AbortSignal.timeout(20_000));
  }

  close(): void {
    this.#connection?.close();
  }

  /** Makes the node and those above it, or changes its data. */
  async set(path: string, data = ''): Promise<void> {
    try {
      await this.#create(path, data);
    } catch (thrown) {
      if (isRefusal(thrown, ZK_ERROR.nodeExists)) {
        await this.#live.request(OP.setData, path, (w) => w.bytes(Buffer.from(data)).int(-1));
      } else if (isRefusal(thrown, ZK_ERROR.noNode)) {
        await this.set(path.slice(0, path.lastIndexOf('/'))).catch(() => undefined);
        await this.set(path, data);
      } else throw thrown;
    }
  }

  /** With everything below it. */
  async remove(path: string): Promise<void> {
    try {
      const { names } = await this.#live.children(path, false);
      for (const name of names) await this.remove(`${path}/${name}`);
      await this.#live.request(OP.delete, path, (w) => w.int(-1));
    } catch (thrown) {
      if (!isRefusal(thrown, ZK_ERROR.noNode)) throw thrown;
    }
  }

  async children(path: string): Promise<readonly string[]> {
    return (await this.#live.children(path, false)).names;
  }

  /** Whether everybody may read it; the other rights are everybody's. */
  async setReadable(path: string, readable: boolean): Promise<void> {
    const { scheme, id } = EVERYBODY;
    const rights = readable ? ALL : ALL_BUT_READ;
    await this.#live.request(OP.setAcl, path, (w) => w.int(1).int(rights).text(scheme).text(id).int(-1));
  }

  #create(path: string, data: string): Promise<unknown> {
    const { scheme, id } = this.#digest === undefined ? EVERYBODY : CREATOR;
    return this.#live.request(OP.create, path, (w) => w.bytes(Buffer.from(data)).int(1).int(ALL).text(scheme).text(id).int(0));
  }

  get #live(): ZkConnection {
    if (this.#connection === undefined) throw new Error('connect first');
    return this.#connection;
  }
}
