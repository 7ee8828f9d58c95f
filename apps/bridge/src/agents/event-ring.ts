/** The last events of a channel, so that a stream that was cut goes on where it was. Bounded by number and bytes. */
export class EventRing {
  readonly #epoch: string;
  #events: Buffer[] = [];
  #bytes = 0;
  /** Number of the newest event. */
  #newest = 0;

  /** @param epoch of this channel in this process: ids of another one cannot be resumed */
  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** The id of the newest event. */
  get id(): string {
    return `${this.#epoch}.${this.#newest}`;
  }

  /** One event as it goes over the wire, the same bytes for all streams. */
  add(event: string, json: string): Buffer {
    this.#newest += 1;
    const bytes = encodeEvent(event, json, this.id);
    this.#events.push(bytes);
    this.#bytes += bytes.length;
    while (this.#events.length > MOST_EVENTS || this.#bytes > MOST_BYTES) this.#bytes -= (this.#events.shift() as Buffer).length;
    return bytes;
  }

  /** What came after an id; undefined where that is not known any more. */
  after(id: string): readonly Buffer[] | undefined {
    const dot = id.lastIndexOf('.');
    const from = Number(id.slice(dot + 1));
    if (id.slice(0, dot) !== this.#epoch || !Number.isInteger(from) || from > this.#newest) return undefined;
    const missing = this.#newest - from;
    return missing > this.#events.length ? undefined : this.#events.slice(this.#events.length - missing);
  }
}

const MOST_EVENTS = 256;
const MOST_BYTES = 2 * 1024 * 1024;

export function encodeEvent(event: string, json: string, id?: string): Buffer {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${json}\n\n`);
}
