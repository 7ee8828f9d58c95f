/**
 * Instances of all targets by IPv4 address and port, in columns of numbers outside of the heap. As strings, arrays and a map 10,000 of them were
 * 1.2 MB, and what is alive at once makes V8's young generation grow by several times that.
 */
export class AddressIndex<Entry> {
  readonly #addresses: Int32Array;
  readonly #ports: Uint16Array;
  /** Of each row: which of `#entries` it leads to. */
  readonly #owners: Int32Array;
  readonly #entries: Entry[] = [];
  /** Rows by address and port, from 1 on; 0 is none. Open addressing, at most half full. */
  readonly #slots: Int32Array;
  #rows = 0;

  /** @param most addresses that can be added */
  constructor(most: number) {
    this.#addresses = new Int32Array(most);
    this.#ports = new Uint16Array(most);
    this.#owners = new Int32Array(most);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1, most) * 2)));
  }

  get rows(): number {
    return this.#rows;
  }

  /** Adds a row. @param both what an address leads to that two claim */
  claim(address: number, port: number, entry: Entry, both: (held: Entry) => Entry): void {
    const row = this.#rows;
    this.#rows += 1;
    this.#addresses[row] = address;
    this.#ports[row] = port;
    const slot = this.#slotOf(address, port);
    const first = (this.#slots[slot] as number) - 1;
    if (first === -1) {
      this.#slots[slot] = row + 1;
      this.#owners[row] = this.#numberOf(entry);
      return;
    }
    const held = this.#entries[this.#owners[first] as number] as Entry;
    if (held !== entry) this.#owners[first] = this.#numberOf(both(held));
  }

  find(address: number, port: number): Entry | undefined {
    const row = (this.#slots[this.#slotOf(address, port)] as number) - 1;
    return row === -1 ? undefined : this.#entries[this.#owners[row] as number];
  }

  /** `10.0.0.7:8080` */
  textOf(row: number): string {
    const address = this.#addresses[row] as number;
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}:${this.#ports[row]}`;
  }

  /** Whether `textOf` would be this; makes no text, because each plan is compared with the one before. */
  isAt(row: number, text: string): boolean {
    const colon = text.lastIndexOf(':');
    const address = ipv4Of(text, 0, colon);
    return address !== -1 && address === this.#addresses[row] && portOf(text, colon + 1) === this.#ports[row];
  }

  /** The slot that has them, or the empty one where they belong. */
  #slotOf(address: number, port: number): number {
    const last = this.#slots.length - 1;
    let hash = Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const row = (this.#slots[slot] as number) - 1;
      if (row === -1 || (this.#addresses[row] === address && this.#ports[row] === port)) return slot;
    }
  }

  /** A target's addresses follow one another. */
  #numberOf(entry: Entry): number {
    if (this.#entries.at(-1) !== entry) this.#entries.push(entry);
    return this.#entries.length - 1;
  }
}

/**
 * The IPv4 address in `text` between `from` and `to`, as 32 bits; of 10,000 of them no text is cut out.
 * @returns -1 for what is none as everybody writes it: names, IPv6, `010.0.0.1`; and for 255.255.255.255, where nobody listens
 */
export function ipv4Of(text: string, from = 0, to = text.length): number {
  if (to - from < 7 || to - from > 15) return -1;
  let address = 0;
  let part = -1;
  let dots = 0;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2e) {
      if (part === -1) return -1;
      address = (address << 8) | part;
      part = -1;
      dots += 1;
    } else {
      const digit = code - 0x30;
      if (digit < 0 || digit > 9 || part === 0) return -1;
      part = part === -1 ? digit : part * 10 + digit;
      if (part > 255) return -1;
    }
  }
  return dots === 3 && part !== -1 ? (address << 8) | part : -1;
}

/** @returns the number from `from` to the end, -1 where it is not written as a port is */
export function portOf(text: string, from: number): number {
  const { length } = text;
  if (from >= length || length - from > 5 || text.charCodeAt(from) === 0x30) return -1;
  let port = 0;
  for (let at = from; at < length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port < 65_536 ? port : -1;
}
