import { framed } from './http2/framed.ts';

/** One message that is sent, to one client or to many: what it becomes on the wire is made once. */
export class Message {
  readonly parts: readonly Buffer[];
  /** Without the gRPC prefix. */
  readonly length: number;
  #chunks: readonly Buffer[] | undefined;

  /** @param parts of it, one after the other; they must not change any more */
  constructor(parts: readonly Buffer[]) {
    this.parts = parts;
    let length = 0;
    for (const part of parts) length += part.length;
    this.length = length;
  }

  /** With its gRPC prefix, in as few pieces as pay. */
  get chunks(): readonly Buffer[] {
    return (this.#chunks ??= framed(this.parts));
  }
}
