import { IsthmusError } from '@isthmus/model';

/** Children of one node: 100,000 names of 600 bytes. Java's client stops at 4 MB, which large Dubbo registries pass. */
const MOST_FRAME_BYTES = 64 * 1024 * 1024;

/** Cuts a stream into frames; each byte is copied once at most, however small the pieces come. */
export class FrameSplitter {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Of the frame that is coming; undefined while its four bytes of length are not there. */
  #wanted: number | undefined;

  /** @throws IsthmusError `registry.protocol` or `registry.too-large` for a length that is none. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#size < 4) return frames;
        this.#wanted = checked(this.#take(4).readInt32BE(0));
      }
      if (this.#size < this.#wanted) return frames;
      frames.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  #take(length: number): Buffer {
    if ((this.#chunks[0]?.length ?? 0) < length) this.#chunks = [Buffer.concat(this.#chunks, this.#size)];
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    this.#size -= length;
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
    return first.subarray(0, length);
  }
}

function checked(length: number): number {
  if (length >= 0 && length <= MOST_FRAME_BYTES) return length;
  const tooLarge = length > 0 && length < 0x2000_0000; // else it is text of another protocol
  throw new IsthmusError(
    tooLarge ? 'registry.too-large' : 'registry.protocol',
    tooLarge ? `an answer of ${length} bytes, the most is ${MOST_FRAME_BYTES}` : 'what answers there is no ZooKeeper',
    { meaning: 'the connection is given up', remedy: 'check that the address is a ZooKeeper client port (2181)' },
  );
}
