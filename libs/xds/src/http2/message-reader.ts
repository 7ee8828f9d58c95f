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
   * @returns the next message that is complete
   * @throws GrpcError when it is compressed or too large
   */
  next(): Buffer | undefined {
    if (this.#bytes < PREFIX_BYTES) return undefined;
    if (this.#chunks[0]!.length < PREFIX_BYTES) this.#join();
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
    if (head.length < end) this.#join();
    const [all] = this.#chunks as [Buffer];
    if (all.length > end) this.#chunks[0] = all.subarray(end);
    else this.#chunks.shift();
    this.#bytes -= end;
    return all.subarray(PREFIX_BYTES, end);
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)];
  }
}
