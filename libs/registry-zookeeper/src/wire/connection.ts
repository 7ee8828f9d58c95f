import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { IsthmusError, messageOf } from '@isthmus/model';
import { FrameSplitter } from './frames.ts';
import { JuteReader, JuteWriter } from './jute.ts';
import { OP, readStat, XID, ZK_ERROR, ZkRefusal } from './protocol.ts';
import type { Stat } from './protocol.ts';

export interface ZkConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** For a `secureClientPort`. */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds; the server may give another one, within its own limits. */
  readonly sessionTimeout: number;
  /** `user:password` for the scheme `digest`; none by default. */
  readonly digest?: string | undefined;
  /** Something at that path has changed; the watch is used up. */
  readonly onWatch: (path: string) => void;
  /** With `performance.now()` when bytes have come. */
  readonly onMessage?: ((atMs: number) => void) | undefined;
}

interface Waiting {
  readonly path: string;
  readonly resolve: (answer: JuteReader) => void;
  readonly reject: (thrown: unknown) => void;
}

type State =
  /** `waiting`: for the answer to our greeting, once it is sent. */
  | { readonly kind: 'greeting'; readonly waiting?: Waiting }
  | { readonly kind: 'open' }
  | { readonly kind: 'ended'; readonly why: IsthmusError };

const PROTOCOL_VERSION = 0;
const NO_SESSION = 0n;

/**
 * One connection, which is one session: when it is lost, a new one is opened and everything is read and watched again. A reader has
 * nothing that a resumed session would keep (no ephemeral nodes), and watches set again say nothing of what happened in between (ADR 0012).
 *
 * The server has to show a sign of life within two thirds of the session timeout, as in ZooKeeper's own clients.
 */
export class ZkConnection {
  /** Settles with the reason when the connection has ended, whoever ended it. */
  readonly ended: Promise<IsthmusError>;
  readonly #options: ZkConnectionOptions;
  readonly #socket: Socket;
  readonly #frames = new FrameSplitter();
  readonly #waiting = new Map<number, Waiting>();
  #end!: (why: IsthmusError) => void;
  #state: State = { kind: 'greeting' };
  #timer: NodeJS.Timeout | undefined;
  #authenticated: Waiting | undefined;
  #heardAt = performance.now();
  #timeout: number;
  #openedAt = 0;
  #xid = 0;
  #zxid = 0n;

  /** @throws IsthmusError `registry.unreachable`, `registry.timeout`, `registry.auth` or `registry.protocol`. */
  static async open(options: ZkConnectionOptions, signal: AbortSignal): Promise<ZkConnection> {
    const connection = new ZkConnection(options);
    const abort = () => connection.close();
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) throw ended('given up');
      await connection.#begin();
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  private constructor(options: ZkConnectionOptions) {
    this.#options = options;
    this.#timeout = options.sessionTimeout;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    const { host, port, tls } = options;
    this.#socket = tls === undefined ? connect({ host, port }) : connectTls({ ...tls, host, port });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#socket.on('error', (thrown) => this.#fail(ended(messageOf(thrown), thrown)));
    this.#socket.on('close', () => this.#fail(ended(this.#state.kind === 'greeting' ? REFUSED : 'the connection was closed')));
    this.#watchSilence();
  }

  /** The newest transaction that the server has shown us. */
  get zxid(): bigint {
    return this.#zxid;
  }

  /** `performance.now()` when the session began. */
  get openedAt(): number {
    return this.#openedAt;
  }

  /** `performance.now()` of the last sign of life. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** What the server has granted, milliseconds. */
  get sessionTimeout(): number {
    return this.#timeout;
  }

  /** With `watch` a later change of the list, or the end of the node, calls `onWatch` once. @throws ZkRefusal. */
  async children(path: string, watch: boolean): Promise<{ readonly names: readonly string[]; readonly stat: Stat }> {
    const answer = await this.request(OP.getChildren2, path, (w) => w.bool(watch));
    return { names: answer.texts(), stat: readStat(answer) };
  }

  /** @throws ZkRefusal. */
  async data(path: string, watch: boolean): Promise<Buffer> {
    return (await this.request(OP.getData, path, (w) => w.bool(watch))).bytes();
  }

  /** Watches a node that is not there as well. @throws ZkRefusal. */
  async exists(path: string, watch: boolean): Promise<boolean> {
    try {
      await this.request(OP.exists, path, (w) => w.bool(watch));
      return true;
    } catch (thrown) {
      if (thrown instanceof ZkRefusal && thrown.zkCode === ZK_ERROR.noNode) return false;
      throw thrown;
    }
  }

  /** Makes a member that lags behind its leader catch up before it answers what is asked next. */
  async sync(): Promise<void> {
    await this.request(OP.sync, '/');
  }

  /** Answers come in the order of the requests. @throws ZkRefusal, or why the connection has ended. */
  request(op: number, path: string, more: (writer: JuteWriter) => void = () => undefined): Promise<JuteReader> {
    return new Promise((resolve, reject) => {
      if (this.#state.kind === 'ended') return reject(this.#state.why);
      this.#xid = (this.#xid + 1) & 0x7fff_ffff;
      this.#waiting.set(this.#xid, { path, resolve, reject });
      const writer = new JuteWriter().int(this.#xid).int(op).text(path);
      more(writer);
      this.#socket.write(writer.frame());
    });
  }

  close(): void {
    if (this.#state.kind === 'open') this.#socket.write(new JuteWriter().int(0).int(OP.closeSession).frame());
    this.#fail(ended('closed'));
  }

  async #begin(): Promise<void> {
    const answer = await new Promise<JuteReader>((resolve, reject) => {
      if (this.#state.kind === 'ended') return reject(this.#state.why);
      this.#state = { kind: 'greeting', waiting: { path: '', resolve, reject } };
      const hello = new JuteWriter().int(PROTOCOL_VERSION).long(0n).int(this.#options.sessionTimeout);
      // Not read-only: a member cut off from its ensemble does not know what is true now, and refuses us.
      this.#socket.write(hello.long(NO_SESSION).bytes(Buffer.alloc(16)).bool(false).frame());
    });
    answer.int(); // protocol version
    const granted = answer.int();
    if (granted <= 0) throw ended('it gave us no session');
    this.#timeout = granted;
    this.#openedAt = performance.now();
    this.#watchSilence();
    const { digest } = this.#options;
    if (digest === undefined) return;
    await new Promise<JuteReader>((resolve, reject) => {
      this.#authenticated = { path: 'auth', resolve, reject };
      const packet = new JuteWriter().int(XID.auth).int(OP.auth).int(0).text('digest').bytes(Buffer.from(digest, 'utf8'));
      this.#socket.write(packet.frame());
    });
  }

  /** Pings three times within the timeout; silence for two thirds of it is the end. */
  #watchSilence(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardAt > (this.#timeout * 2) / 3) {
        this.#fail(silent(this.#timeout));
      } else if (this.#state.kind === 'open') {
        this.#socket.write(new JuteWriter().int(XID.ping).int(OP.ping).frame());
      }
    }, this.#timeout / 3);
    this.#timer.unref();
  }

  #received(chunk: Buffer): void {
    this.#heardAt = performance.now();
    this.#options.onMessage?.(this.#heardAt);
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(new JuteReader(frame));
    } catch (thrown) {
      this.#fail(IsthmusError.is(thrown) ? thrown : ended(messageOf(thrown), thrown));
    }
  }

  #take(frame: JuteReader): void {
    if (this.#state.kind === 'ended') return;
    if (this.#state.kind === 'greeting') {
      const { waiting } = this.#state;
      this.#state = { kind: 'open' };
      waiting?.resolve(frame);
      return;
    }
    const xid = frame.int();
    const zxid = frame.long();
    const error = frame.int();
    if (zxid > this.#zxid) this.#zxid = zxid;
    if (xid === XID.ping) return;
    if (xid === XID.watch) {
      const type = frame.int();
      frame.int(); // state of the connection: we see it ourselves
      if (type > 0) this.#options.onWatch(frame.text());
      return;
    }
    const waiting = xid === XID.auth ? this.#authenticated : this.#waiting.get(xid);
    this.#waiting.delete(xid);
    if (xid === XID.auth && error !== 0) this.#fail(denied());
    else if (error !== 0) waiting?.reject(new ZkRefusal(error, waiting.path));
    else waiting?.resolve(frame);
  }

  #fail(why: IsthmusError): void {
    const before = this.#state;
    if (before.kind === 'ended') return;
    this.#state = { kind: 'ended', why };
    clearInterval(this.#timer);
    // What is still to be sent is only a farewell; a server that hangs would never take it.
    if (before.kind === 'open' && why.code !== 'registry.timeout') this.#socket.destroySoon();
    else this.#socket.destroy();
    if (before.kind === 'greeting') before.waiting?.reject(why);
    this.#authenticated?.reject(why);
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
    this.#end(why);
  }
}

const REFUSED =
  'the connection was closed instead of a session: it has no quorum, is still starting, or has too many connections of our address (maxClientCnxns)';

function ended(why: string, cause?: unknown): IsthmusError {
  return new IsthmusError('registry.unreachable', why, {
    meaning: 'ZooKeeper cannot be read',
    remedy: 'check that it runs, that a majority of its members does, and that the address is right',
    cause,
  });
}

function silent(timeout: number): IsthmusError {
  return new IsthmusError('registry.timeout', `no sign of life for two thirds of the session timeout (${timeout} ms)`, {
    meaning: 'the connection is given up',
    remedy: 'look at the load of ZooKeeper and at the network, or raise sessionTimeout',
  });
}

function denied(): IsthmusError {
  return new IsthmusError('registry.auth', 'ZooKeeper refuses the user and password of `auth`', {
    meaning: 'nothing can be read',
    remedy: 'correct user and password; the scheme is digest',
  });
}
