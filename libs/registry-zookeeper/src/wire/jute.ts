import { IsthmusError } from '@isthmus/model';

/** ZooKeeper's own encoding: big-endian numbers, strings and lists with a length of four bytes before them (-1: null). */
export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    return this.#add(bytes);
  }

  long(value: bigint): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(value);
    return this.#add(bytes);
  }

  bool(value: boolean): this {
    return this.#add(Buffer.from([value ? 1 : 0]));
  }

  bytes(value: Buffer): this {
    return this.int(value.length).#add(value);
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  /** With the frame's length in front. */
  frame(): Buffer {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const head = Buffer.allocUnsafe(4);
    head.writeInt32BE(length);
    return Buffer.concat([head, ...this.#parts], length + 4);
  }

  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** Reads one frame. Everything throws `registry.protocol` where the frame ends too early or a length makes no sense. */
export class JuteReader {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  get left(): number {
    return this.#frame.length - this.#at;
  }

  int(): number {
    return this.#take(4).readInt32BE(0);
  }

  long(): bigint {
    return this.#take(8).readBigInt64BE(0);
  }

  bool(): boolean {
    return this.#take(1)[0] !== 0;
  }

  /** Null is empty. It shares the frame's memory. */
  bytes(): Buffer {
    const length = this.int();
    return length === -1 ? Buffer.alloc(0) : this.#take(length);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  texts(): string[] {
    const count = this.int();
    if (count < -1 || count * 4 > this.left) throw broken();
    return Array.from({ length: Math.max(0, count) }, () => this.text());
  }

  #take(length: number): Buffer {
    if (length < 0 || length > this.left) throw broken();
    this.#at += length;
    return this.#frame.subarray(this.#at - length, this.#at);
  }
}

function broken(): IsthmusError {
  return new IsthmusError('registry.protocol', 'an answer that is no ZooKeeper message', {
    meaning: 'the connection is given up',
    remedy: 'check that the address is a ZooKeeper client port (2181), not its admin, election or secure port',
  });
}
