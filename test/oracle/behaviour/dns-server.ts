import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

const A = 1;
const NO_SUCH_NAME = 3;

/** Answers questions for IPv4 addresses of the names that it knows (RFC 1035), on loopback. */
export class DnsServer implements AsyncDisposable {
  /** Every name that was asked for, the oldest first. */
  readonly asked: string[] = [];
  readonly #socket: Socket = createSocket('udp4');
  readonly #known: Readonly<Record<string, string>>;

  private constructor(known: Readonly<Record<string, string>>) {
    this.#known = known;
    this.#socket.on('message', (query, from) => this.#answer(query, from));
  }

  /** @param known addresses by name, in lower case */
  static async start(known: Readonly<Record<string, string>>): Promise<DnsServer> {
    const server = new DnsServer(known);
    await new Promise<void>((resolve) => server.#socket.bind(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#socket.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(query: Buffer, from: RemoteInfo): void {
    const { name, end } = questionOf(query);
    this.asked.push(name);
    const address = query.readUInt16BE(end) === A ? this.#known[name.toLowerCase()] : undefined;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2); // the id
    header.writeUInt16BE(0x8180 | (name.toLowerCase() in this.#known ? 0 : NO_SUCH_NAME), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(address === undefined ? 0 : 1, 6);
    const record = address === undefined ? [] : [0xc0, 12, 0, A, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)];
    this.#socket.send(Buffer.concat([header, query.subarray(12, end + 4), Buffer.from(record)]), from.port, from.address);
  }
}

/** The name of the first question, and where its type begins. */
function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.'), end: at + 1 };
}
