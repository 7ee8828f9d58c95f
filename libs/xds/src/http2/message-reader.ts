import { status } from '@grpc/grpc-js';

/** Why a stream cannot go on, as a gRPC status. */
export class GrpcError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** Compressed-Flag and Message-Length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const PREFIX_BYTES = 5;

/** Longer messages get a buffer of their own. */
const MOST_JOINED = 4 * 1024 * 1024;

/**
 * Where messages that came in several frames are joined, for all streams. In a buffer of its own, each answer of a
 * state-of-the-world client with 20,000 names would be 0.8 MB of memory outside V8's heap, and every 40 of them have V8 mark the
 * whole heap (20,000 services: 0.4 s of CPU, 10 ms of every change).
 */
let joined = Buffer.alloc(0);

/**
 * Length-prefixed messages out of DATA frames, however these cut them. A message that is too large is refused by its
 * prefix: no more of it is kept than flow control had let through.
 */
export class MessageReader {
  readonly #most: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** @param most bytes of one message */
  constructor(most: number) {
    this.#most = most;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Part of a message has come. */
  get isInside(): boolean {
    return this.#bytes > 0;
  }

  /**
   * @returns the next message that is complete; its bytes are good until any reader is asked for its next one
   * @throws GrpcError when it is compressed or too large
   */
  next(): Buffer | undefined {
    if (this.#bytes < PREFIX_BYTES) return undefined;
    while (this.#chunks[0]!.length < PREFIX_BYTES) this.#chunks.splice(0, 2, Buffer.concat(this.#chunks.slice(0, 2)));
    const [head] = this.#chunks as [Buffer];
    if (head[0] !== 0)
      throw new GrpcError(status.UNIMPLEMENTED, 'the message is compressed; send it as it is (grpc-accept-encoding: identity)');
    const length = head.readUInt32BE(1);
    if (length > this.#most)
      throw new GrpcError(
        status.RESOURCE_EXHAUSTED,
        `a message of ${length} bytes is larger than the ${this.#most} that are taken`,
      );
    const end = PREFIX_BYTES + length;
    if (this.#bytes < end) return undefined;
    this.#bytes -= end;
    if (head.length < end) return this.#join(length);
    if (head.length > end) this.#chunks[0] = head.subarray(end);
    else this.#chunks.shift();
    return head.subarray(PREFIX_BYTES, end);
  }

  /** Takes the first message, of so many bytes, out of the chunks that it is spread over. */
  #join(length: number): Buffer {
    const message = roomFor(length);
    let at = 0;
    let read = 0;
    let from = PREFIX_BYTES;
    while (at < length) {
      const chunk = this.#chunks[read]!;
      const upTo = Math.min(chunk.length, from + length - at);
      at += chunk.copy(message, at, from, upTo);
      from = 0;
      if (upTo === chunk.length) read += 1;
      else this.#chunks[read] = chunk.subarray(upTo);
    }
    this.#chunks.splice(0, read);
    return message;
  }
}

function roomFor(length: number): Buffer {
  if (length > MOST_JOINED) return Buffer.allocUnsafe(length);
  if (joined.length < length) joined = Buffer.allocUnsafeSlow(Math.min(MOST_JOINED, length * 2));
  return joined.subarray(0, length);
}
