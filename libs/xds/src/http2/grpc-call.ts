import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Peer } from '../resource-provider.ts';
import type { Message } from '../message.ts';
import { letGo } from './let-go.ts';
import { GrpcError, MessageReader } from './message-reader.ts';
import { RESPONSE_HEADERS, statusHeaders } from './status-headers.ts';

export interface CallHandlers {
  /** @param bytes are good until this returns */
  message(bytes: Buffer): void;
  /** The client sends nothing more. */
  end(): void;
  /** The stream cannot be read on; it has been ended already. */
  refused(error: GrpcError): void;
}

/** One bidirectional stream of a gRPC method. Messages are bytes; what they are written from is shared, never copied. */
export class GrpcCall {
  readonly peer: Peer;
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #reader: MessageReader;
  #handlers: CallHandlers | undefined;
  #paused = false;
  #inputEnded = false;
  #ended = false;

  /** @param most bytes of one message */
  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer, most: number) {
    this.#stream = stream;
    this.headers = headers;
    this.peer = peer;
    this.#reader = new MessageReader(most);
    stream.on('error', () => undefined); // a reset by the peer; 'close' follows
  }

  /** The client is gone. */
  get isClosed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** Called once, when the client is gone or has been told how its stream ended. */
  onClose(listener: () => void): void {
    this.#stream.on('aborted', listener);
    this.#stream.on('close', listener);
  }

  /** Reads on from here. */
  read(handlers: CallHandlers): void {
    this.#handlers = handlers;
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.#ended) return;
      this.#reader.push(chunk);
      this.#deliver();
    });
    this.#stream.on('end', () => {
      this.#inputEnded = true;
      this.#deliver();
    });
  }

  /** Takes nothing more, not even what has been read already; flow control makes the client wait. */
  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
    if (!this.#paused) this.#stream.resume();
  }

  /**
   * Sends one message.
   * @param done is called when all have left, or never will
   */
  send(message: Message, done: () => void): void {
    const stream = this.#stream;
    if (this.#ended || this.isClosed) return done();
    if (!stream.headersSent) stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    const { chunks } = message;
    const last = chunks.length - 1;
    if (last === 0) return void stream.write(chunks[0], done);
    stream.cork();
    for (const [i, chunk] of chunks.entries()) stream.write(chunk, i === last ? done : undefined);
    stream.uncork();
  }

  /** Ends the stream with a status, after what was sent before. */
  end(code: status, message = ''): void {
    const stream = this.#stream;
    if (this.#ended || this.isClosed) return;
    this.#ended = true;
    const headers = statusHeaders(code, message);
    if (!stream.headersSent) stream.respond({ ...RESPONSE_HEADERS, ...headers }, { endStream: true });
    else {
      stream.on('wantTrailers', () => stream.sendTrailers(headers));
      stream.end();
    }
    letGo(stream);
  }

  #deliver(): void {
    const handlers = this.#handlers;
    while (handlers !== undefined && !this.#paused && !this.#ended) {
      let message: Buffer | undefined;
      try {
        message = this.#reader.next();
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        this.end(error.code, error.message);
        handlers.refused(error);
        return;
      }
      if (message === undefined) break;
      handlers.message(message);
    }
    if (handlers === undefined || this.#paused || this.#ended || !this.#inputEnded) return;
    this.#inputEnded = false;
    handlers.end();
  }
}
