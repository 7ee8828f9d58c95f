/** The nodes of a scripted ZooKeeper: what the server side of the wire needs, nothing more. */
export interface FakeNode {
  data: Buffer;
  readonly czxid: bigint;
  readonly ctime: bigint;
  /** `user:password` that may read it; undefined: everybody. */
  reader: string | undefined;
}

export type FakeChange = { readonly type: 'created' | 'deleted' | 'data' | 'children'; readonly path: string };

export class FakeTree {
  readonly #nodes = new Map<string, FakeNode>();
  readonly #children = new Map<string, Set<string>>();
  readonly #onChange: (change: FakeChange) => void;
  zxid = 0n;

  constructor(onChange: (change: FakeChange) => void) {
    this.#onChange = onChange;
    this.clear();
  }

  clear(): void {
    this.#nodes.clear();
    this.#children.clear();
    this.zxid = 0n;
    this.#nodes.set('/', { data: Buffer.alloc(0), czxid: 0n, ctime: 0n, reader: undefined });
    this.#children.set('/', new Set());
  }

  get(path: string): FakeNode | undefined {
    return this.#nodes.get(path);
  }

  children(path: string): readonly string[] {
    return [...(this.#children.get(path) ?? [])];
  }

  /** Makes the node and those above it, or changes its data. */
  set(path: string, data: string | Buffer = ''): void {
    const bytes = Buffer.from(data as string);
    const known = this.#nodes.get(path);
    this.zxid += 1n;
    if (known !== undefined) {
      known.data = bytes;
      this.#onChange({ type: 'data', path });
      return;
    }
    const { parent, name } = split(path);
    if (!this.#nodes.has(parent)) this.set(parent);
    this.zxid += 1n;
    const reader = this.#nodes.get(parent)?.reader;
    this.#nodes.set(path, { data: bytes, czxid: this.zxid, ctime: BigInt(Date.now()), reader });
    this.#children.set(path, new Set());
    this.#children.get(parent)?.add(name);
    this.#onChange({ type: 'created', path });
    this.#onChange({ type: 'children', path: parent });
  }

  /** With everything below it. */
  remove(path: string): void {
    if (!this.#nodes.has(path)) return;
    for (const name of this.children(path)) this.remove(`${path}/${name}`);
    const { parent, name } = split(path);
    this.zxid += 1n;
    this.#nodes.delete(path);
    this.#children.delete(path);
    this.#children.get(parent)?.delete(name);
    this.#onChange({ type: 'deleted', path });
    this.#onChange({ type: 'children', path: parent });
  }

  /** ACLs are not inherited in ZooKeeper; here nodes made later below it get the same. */
  protect(path: string, reader: string | undefined): void {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new Error(`no node ${path}`);
    node.reader = reader;
  }
}

function split(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: slash === 0 ? '/' : path.slice(0, slash), name: path.slice(slash + 1) };
}
