import type net from 'node:net';
import type { ArmCounts } from '../control/arm-counts.ts';
import type { Place } from '../sidecar-probe.ts';
import { headEnd, headFor, isIdempotent } from './request-head.ts';
import { SocketFacade, isSecure } from './socket-facade.ts';
import { hasUnreadEnd } from './unread-end.ts';

/** One request on its way to the sidecar, and where it would have gone. */
export interface MovedCall {
  readonly authority: string;
  readonly method: string;
  /** The instance that the SDK picked. */
  readonly instance: Place;
  /** Connects to the instance where that is not plain TCP. */
  readonly dial?: () => net.Socket;
  /** Trace headers that the request has not got itself. */
  readonly more: readonly (readonly [string, string])[];
  readonly counts?: ArmCounts;
}

export interface ConnectionSeam {
  /** Where it goes: the egress, or at `discovery` the instance that the agent picked. */
  readonly egress: Place;
  /** Of TLS with its handshake. 250 by default: the egress is on the same machine. */
  readonly connectWithinMs?: number;
  /** Only what never left goes to the other instance: at `discovery` the process has its own retries. */
  readonly onlyUnsent?: boolean;
  readonly connect: (place: Place) => net.Socket;
  /** The call of a `ClientRequest`. */
  readonly callOf: (request: object) => MovedCall | undefined;
  /** The egress did not do: `dead` when nobody listens, or when it is not who its certificate should say. @param code of the error, if there was one */
  readonly failed: (outcome: 'bad' | 'dead', code?: string) => void;
}

/** More than this is not kept for a second way. */
const KEPT_BYTES = 64 * 1024;
const CONNECT_WITHIN_MS = 250;

/**
 * What Node's HTTP client takes for a socket to the instance. It goes to the egress, with the head rewritten on the wire only, and
 * keeps what was written until the first byte of the answer: when the sidecar is gone before that, the request goes to the instance
 * that the SDK picked after all, once, if it never left (whatever its method), or if it is idempotent and at most 64 KiB. That is a
 * fallback and no retry: the answer of a sidecar, whatever it is, is the answer.
 */
export class ReplayableConnection extends SocketFacade {
  /** Set by Node's client: the request that has this connection. */
  declare _httpMessage: object | null | undefined;
  readonly #seam: ConnectionSeam;
  /** `egress`: of any call; `instance`: of the present call only. */
  #way: 'egress' | 'instance' = 'egress';
  #connected = false;
  #answered = false;
  #request: object | undefined;
  #call: MovedCall | undefined;
  #kept: Buffer[] | undefined;
  #keptBytes = 0;
  #headSent = false;
  #written: ((error?: Error | null) => void) | undefined;

  constructor(seam: ConnectionSeam) {
    super({ allowHalfOpen: false, emitClose: true });
    this.#seam = seam;
    try {
      this.#open(() => seam.connect(seam.egress));
    } catch {
      this.socket = undefined; // the first write finds another way
      seam.failed('bad');
    }
  }

  /** It went to an instance: not to be used for another request. */
  get isSpent(): boolean {
    return this.#way === 'instance';
  }

  override _read(): void {
    this.socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, written: (error?: Error | null) => void): void {
    const request = this._httpMessage ?? undefined;
    if (request !== this.#request) this.#begin(request);
    this.#written = written;
    this.#keep(chunk);
    if (this.socket === undefined)
      this.#fallBack(); // it was lost before anything was written
    else if (this.#way === 'instance' || this.#headSent) this.#send(chunk);
    else this.#sendHead();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const socket = this.socket;
    this.socket = undefined;
    this.#kept = undefined;
    socket?.destroy();
    done(error);
  }

  #begin(request: object | undefined): void {
    this.#request = request;
    this.#call = request === undefined ? undefined : this.#seam.callOf(request);
    this.#answered = false;
    this.#headSent = false;
    this.#kept = [];
    this.#keptBytes = 0;
  }

  #keep(chunk: Buffer): void {
    if (this.#kept === undefined) return;
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    this.#letGo();
  }

  /** Until it is connected what was written is in memory anyway. */
  #letGo(): void {
    if (this.#connected && this.#headSent && this.#keptBytes > KEPT_BYTES) this.#kept = undefined;
  }

  #sendHead(): void {
    // Not a byte before its certificate has been checked.
    if (isSecure(this.socket) && !this.#connected) return;
    const bytes = Buffer.concat(this.#kept ?? []);
    const end = headEnd(bytes);
    if (end === -1) {
      this.#isWritten();
      return;
    }
    try {
      if (this.#call === undefined) throw new Error('nobody knows where the request belongs');
      const head = headFor(bytes.subarray(0, end), this.#call.authority, this.#call.more);
      if (this.#isGone()) {
        this.#seam.failed('bad');
        this.#fallBack();
        return;
      }
      this.#headSent = true;
      this.#letGo();
      this.#send(Buffer.concat([head, bytes.subarray(end)]));
    } catch {
      this.#fallBack(); // nothing of it has left
    }
  }

  /** Asked only for what could not be sent again. */
  #isGone(): boolean {
    const socket = this.socket;
    return this.#connected && socket !== undefined && !isIdempotent(this.#call?.method ?? '') && hasUnreadEnd(socket);
  }

  #send(bytes: Buffer): void {
    const socket = this.socket;
    // What failed to be written is dealt with when the socket is closed.
    socket?.write(bytes, (error) => socket === this.socket && (error === undefined || error === null) && this.#isWritten());
  }

  #isWritten(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  #open(connect: () => net.Socket): void {
    const socket = connect();
    this.socket = socket;
    this.#connected = false;
    let cause: NodeJS.ErrnoException | undefined;
    const mine = (): boolean => socket === this.socket;
    const late =
      this.#way === 'egress'
        ? setTimeout(
            () => setImmediate(() => mine() && !this.#connected && socket.destroy()),
            this.#seam.connectWithinMs ?? CONNECT_WITHIN_MS,
          )
        : undefined;
    socket.setNoDelay(true);
    if (this.timeout > 0) socket.setTimeout(this.timeout);
    if (this.keptAlive !== undefined) socket.setKeepAlive(...this.keptAlive);
    const secure = isSecure(socket);
    socket.on(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(late);
      if (!mine()) return;
      this.#connected = true;
      this.#letGo();
      this.emit('connect');
      if (!secure) return;
      this.emit('secureConnect');
      if (this.#way === 'egress' && !this.#headSent && this.#written !== undefined) this.#sendHead();
    });
    socket.on('timeout', () => mine() && this.emit('timeout'));
    socket.on('data', (chunk: Buffer) => {
      if (!mine()) return;
      this.#answered = true;
      this.#kept = undefined;
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => mine() && this.#answered && this.push(null));
    socket.on('error', (error: NodeJS.ErrnoException) => (cause = error));
    socket.on('close', () => {
      clearTimeout(late);
      if (mine()) this.#lost(cause, secure);
    });
  }

  #lost(cause: NodeJS.ErrnoException | undefined, secure: boolean): void {
    this.socket = undefined;
    if (this.#way === 'egress' && !(this.#connected && cause === undefined && this.#answered))
      this.#seam.failed(isDead(cause?.code, secure && !this.#connected) ? 'dead' : 'bad', cause?.code);
    if (this.#request === undefined) return; // no request yet: the first write finds another way
    const unanswered = this.#way === 'egress' && !this.#answered && this.#call !== undefined && this.#kept !== undefined;
    const mayRepeat = this.#seam.onlyUnsent !== true && isIdempotent(this.#call?.method ?? '');
    if (unanswered && (!this.#connected || mayRepeat)) this.#fallBack();
    else if (this.#answered && cause === undefined) this.destroy();
    else this.destroy(cause ?? Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
  }

  /** Everything so far, as the application wrote it, to the instance; what it writes later follows. */
  #fallBack(): void {
    const { instance } = this.#call ?? {};
    const kept = this.#kept;
    if (instance === undefined || kept === undefined) {
      this.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
      return;
    }
    this.#call?.counts?.fellBack();
    const before = this.socket;
    this.socket = undefined;
    before?.destroy();
    this.#way = 'instance';
    this.#kept = undefined;
    try {
      this.#open(this.#call?.dial ?? (() => this.#seam.connect(instance)));
    } catch (error) {
      this.destroy(error as Error); // as the application's own agent would have failed
      return;
    }
    this.#send(Buffer.concat(kept));
  }
}

/** Of TLS: what a certificate says does not change within seconds. */
function isDead(code: string | undefined, inHandshake: boolean): boolean {
  return code === 'ECONNREFUSED' || (inHandshake && code !== undefined && code !== 'ECONNRESET');
}
