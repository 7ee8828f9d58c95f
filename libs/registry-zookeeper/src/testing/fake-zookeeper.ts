import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import { FrameSplitter } from '../wire/frames.ts';
import { JuteReader, JuteWriter } from '../wire/jute.ts';
import { OP, WATCH_EVENT, XID, ZK_ERROR } from '../wire/protocol.ts';
import { FakeTree } from './fake-tree.ts';
import type { FakeChange, FakeNode } from './fake-tree.ts';

interface Client {
  readonly socket: Socket;
  readonly frames: FrameSplitter;
  greeted: boolean;
  digest: string | undefined;
  readonly dataWatches: Set<string>;
  readonly childWatches: Set<string>;
}

/** A ZooKeeper on the wire, as far as a reader can tell; the contract suite runs on it and on the real one. */
export class FakeZookeeper {
  readonly tree = new FakeTree((change) => this.#changed(change));
  readonly #clients = new Set<Client>();
  #server: Server | undefined;
  #port = 0;
  #hanging = false;
  /** Bytes to answer a greeting with, instead of a session. */
  greeting: Buffer | undefined;
  /** What it answers to the four-letter word `srvr`; undefined: it is not on its whitelist. */
  status: string | undefined = 'Zookeeper version: 3.4.14-test, built on 2019\nMode: standalone\n';
  /** Milliseconds before each answer; those that come meanwhile keep their order. */
  delay = 0;
  /** By path: an error code for every read. */
  readonly errors = new Map<string, number>();
  /** How often each path was read. */
  readonly reads = new Map<string, number>();

  readonly #tls: TlsOptions | undefined;

  /** @param tls Key and certificate: it is a secureClientPort then. */
  static async start(tls?: TlsOptions): Promise<FakeZookeeper> {
    const fake = new FakeZookeeper(tls);
    await fake.up();
    return fake;
  }

  private constructor(tls: TlsOptions | undefined) {
    this.#tls = tls;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#clients.size;
  }

  async up(): Promise<void> {
    this.#hanging = false;
    const accept = (socket: Socket) => this.#accept(socket);
    const server = this.#tls === undefined ? createServer(accept) : createTlsServer(this.#tls, accept);
    server.on('tlsClientError', () => undefined); // a client that does not trust us
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: this.#port }, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    this.drop();
    await closed;
  }

  /** Every connection is reset; new ones are accepted. */
  drop(): void {
    for (const { socket } of this.#clients) socket.destroy();
    this.#clients.clear();
  }

  hang(): void {
    this.#hanging = true;
    for (const { socket } of this.#clients) socket.pause();
  }

  resume(): void {
    this.#hanging = false;
    for (const { socket } of this.#clients) socket.resume();
  }

  /** Bytes that are no answer to anything. */
  garble(bytes: Buffer): void {
    for (const { socket } of this.#clients) socket.write(bytes);
  }

  #accept(socket: Socket): void {
    const client: Client = {
      socket,
      frames: new FrameSplitter(),
      greeted: false,
      digest: undefined,
      dataWatches: new Set(),
      childWatches: new Set(),
    };
    this.#clients.add(client);
    if (this.#hanging) socket.pause();
    socket.on('data', (chunk: Buffer) => {
      if (!client.greeted && chunk.toString('latin1') === 'srvr') return void socket.end(this.status ?? '');
      for (const frame of client.frames.push(chunk)) this.#serve(client, new JuteReader(frame));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#clients.delete(client));
  }

  #serve(client: Client, frame: JuteReader): void {
    if (!client.greeted) return this.#greet(client, frame);
    const xid = frame.int();
    const op = frame.int();
    if (op === OP.closeSession) return void client.socket.end();
    if (op === OP.ping) return this.#answer(client, XID.ping, 0);
    if (op === OP.auth) {
      frame.int();
      frame.text();
      client.digest = frame.text();
      return this.#answer(client, XID.auth, 0); // any user is taken; rights are looked at later
    }
    const path = frame.text();
    if (op === OP.sync) return this.#answer(client, xid, 0, (w) => w.text(path));
    this.#read(client, xid, op, path, frame.bool());
  }

  #greet(client: Client, frame: JuteReader): void {
    client.greeted = true;
    frame.int();
    frame.long();
    const timeout = frame.int();
    const granted = new JuteWriter().int(0).int(timeout).long(1n).bytes(Buffer.alloc(16)).bool(false).frame();
    client.socket.write(this.greeting ?? granted);
  }

  #read(client: Client, xid: number, op: number, path: string, watch: boolean): void {
    this.reads.set(path, (this.reads.get(path) ?? 0) + 1);
    const node = this.tree.get(path);
    const forced = this.errors.get(path);
    if (forced !== undefined) return this.#answer(client, xid, forced);
    if (op === OP.exists) {
      if (watch) client.dataWatches.add(path);
      if (node === undefined) return this.#answer(client, xid, ZK_ERROR.noNode);
      return this.#answer(client, xid, 0, (w) => this.#stat(w, node, path));
    }
    if (node === undefined) return this.#answer(client, xid, ZK_ERROR.noNode);
    if (node.reader !== undefined && node.reader !== client.digest) return this.#answer(client, xid, ZK_ERROR.noAuth);
    if (op === OP.getData) {
      if (watch) client.dataWatches.add(path);
      return this.#answer(client, xid, 0, (w) => this.#stat(w.bytes(node.data), node, path));
    }
    if (watch) client.childWatches.add(path);
    this.#answer(client, xid, 0, (w) => {
      const names = this.tree.children(path);
      w.int(names.length);
      for (const name of names) w.text(name);
      this.#stat(w, node, path);
    });
  }

  #stat(w: JuteWriter, node: FakeNode, path: string): void {
    w.long(node.czxid).long(node.czxid).long(node.ctime).long(node.ctime).int(0).int(0).int(0);
    w.long(0n).int(node.data.length).int(this.tree.children(path).length).long(node.czxid);
  }

  #answer(client: Client, xid: number, error: number, body: (writer: JuteWriter) => void = () => undefined): void {
    const writer = new JuteWriter().int(xid).long(this.tree.zxid).int(error);
    if (error === 0) body(writer);
    const frame = writer.frame();
    if (this.delay === 0) client.socket.write(frame);
    else setTimeout(() => client.socket.write(frame), this.delay).unref();
  }

  #changed({ type, path }: FakeChange): void {
    for (const client of this.#clients) {
      const { dataWatches, childWatches } = client;
      const data = type !== 'children' && dataWatches.delete(path);
      const children = (type === 'children' || type === 'deleted') && childWatches.delete(path);
      if (!data && !children) continue;
      const kinds = { created: WATCH_EVENT.created, deleted: WATCH_EVENT.deleted, data: WATCH_EVENT.dataChanged } as const;
      const kind = type === 'children' ? WATCH_EVENT.childrenChanged : kinds[type];
      client.socket.write(new JuteWriter().int(XID.watch).long(-1n).int(0).int(kind).int(3).text(path).frame());
    }
  }
}
