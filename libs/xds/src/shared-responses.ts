import type { TypeUrl } from '@isthmus/model';
import { deltaResponse, sotwResponse } from './frames.ts';
import { Message } from './message.ts';

/** A response, and the nonce that is in it. */
export interface Response {
  readonly nonce: string;
  /** See `SharedResponses.last`. */
  readonly serial: number;
  readonly message: Message;
}

interface Kept extends Response {
  readonly transport: 'sotw' | 'delta';
  readonly type: TypeUrl;
  readonly version: string;
  /** Sent a second time already: in one piece, if that is not too large. */
  shared: Response | undefined;
}

/** Up to here a response that several clients get is copied into one piece: of two, each write costs a good deal more. */
const MOST_JOINED = 128 * 1024;

/**
 * The responses of a server, numbered. A nonce must not come twice on one stream; on streams beside each other it may, and a
 * response that has the same nonce for all of them has the same bytes for all of them.
 */
export class SharedResponses {
  readonly #server: string;
  #last = 0;
  /** By what is in them: a list of frames that is the same object for everyone who gets the same. */
  readonly #kept = new WeakMap<readonly Buffer[], Kept>();

  /** @param server tells its nonces from those of an earlier process */
  constructor(server: string) {
    this.#server = server;
  }

  /** The number of the newest response. */
  get last(): number {
    return this.#last;
  }

  /** The nonce of a response that is nobody else's. */
  next(): { readonly nonce: string; readonly serial: number } {
    this.#last += 1;
    return { nonce: `${this.#server}-${this.#last.toString(36)}`, serial: this.#last };
  }

  /** Undefined: it is no nonce of this server. */
  serialOf(nonce: string): number | undefined {
    if (!nonce.startsWith(`${this.#server}-`)) return undefined;
    const serial = Number.parseInt(nonce.slice(this.#server.length + 1), 36);
    return serial > 0 ? serial : undefined;
  }

  /**
   * @param after the last one that the stream was sent: a nonce that it knows would not tell which response is acknowledged
   * @param frames with nothing else in the response, and the same object for the same content
   */
  of(transport: 'sotw' | 'delta', type: TypeUrl, version: string, frames: readonly Buffer[], after: number): Response {
    const kept = this.#kept.get(frames);
    if (kept?.version === version && kept.type === type && kept.transport === transport && kept.serial > after)
      return (kept.shared ??= joined(kept));
    const response = this.own(transport, type, version, frames);
    this.#kept.set(frames, { ...response, transport, type, version, shared: undefined });
    return response;
  }

  /** One that nobody else gets. */
  own(
    transport: 'sotw' | 'delta',
    type: TypeUrl,
    version: string,
    frames: readonly Buffer[],
    removed: readonly string[] = [],
  ): Response {
    const { nonce, serial } = this.next();
    const parts =
      transport === 'sotw' ? sotwResponse(type, version, nonce, frames) : deltaResponse(type, version, nonce, frames, removed);
    return { nonce, serial, message: new Message(parts) };
  }
}

function joined({ nonce, serial, message }: Response): Response {
  return { nonce, serial, message: message.length > MOST_JOINED ? message : new Message([Buffer.concat(message.parts)]) };
}
