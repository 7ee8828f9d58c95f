import type { IsthmusError } from '@isthmus/model';
import { isRefusal, ZK_ERROR, ZkRefusal } from './wire/protocol.ts';
import type { Stat } from './wire/protocol.ts';

/** What a node held when it was last read. */
export type NodeRead<T> =
  | { readonly kind: 'there'; readonly value: T }
  | { readonly kind: 'absent' }
  /** ZooKeeper refuses to show it; it is asked again now and then, because rights cannot be watched. */
  | { readonly kind: 'refused'; readonly error: IsthmusError };

export interface Children {
  readonly names: readonly string[];
  readonly stat: Stat;
}

/** What the tree needs of a connection. All reject with what ends the session, or with a ZkRefusal. */
export interface ZkReads {
  children(path: string, watch: boolean): Promise<Children>;
  data(path: string, watch: boolean): Promise<Buffer>;
  exists(path: string, watch: boolean): Promise<boolean>;
}

interface WatchedNode {
  readonly path: string;
  readonly read: () => Promise<void>;
  readonly onRefused: (error: IsthmusError) => void | Promise<void>;
  state: 'idle' | 'queued' | 'reading';
  /** A watch went off while it was read. */
  again: boolean;
}

/** Requests under way; ZooKeeper itself lets 1,000 of all its clients wait (globalOutstandingLimit). */
const IN_FLIGHT = 64;
const RETRY_REFUSED_MS = 30_000;

/**
 * Nodes of one session whose content is wanted, kept read by one-shot watches: each read arms the watch for the next change, so no change
 * between two reads is missed. ZooKeeper 3.6 has recursive watches, but most Dubbo registries are older.
 */
export class WatchedTree {
  readonly #reads: ZkReads;
  readonly #onIdle: () => void;
  readonly #onBroken: (thrown: unknown) => void;
  /** By kind and path: the children and the data of one node are two. */
  readonly #nodes = new Map<string, WatchedNode>();
  readonly #queue: WatchedNode[] = [];
  #head = 0;
  #underWay = 0;
  #closed = false;

  /**
   * @param onIdle Nothing is waiting or being read: what was told is a complete picture.
   * @param onBroken Reading failed for another reason than the registry's: the session has to end.
   */
  constructor(reads: ZkReads, onIdle: () => void, onBroken: (thrown: unknown) => void) {
    this.#reads = reads;
    this.#onIdle = onIdle;
    this.#onBroken = onBroken;
  }

  /** `onRead` is called now and after each change, not before its last call has ended. A node that is not there is waited for. */
  watchChildren(path: string, onRead: (read: NodeRead<Children>) => void | Promise<void>): void {
    this.#add(`children ${path}`, path, onRead, async () => {
      for (;;) {
        try {
          return { kind: 'there', value: await this.#reads.children(path, true) };
        } catch (thrown) {
          if (!isRefusal(thrown, ZK_ERROR.noNode)) throw thrown;
          if (!(await this.#reads.exists(path, true))) return { kind: 'absent' };
        }
      }
    });
  }

  /** For nodes below one whose children are watched: one that is gone is not waited for. */
  watchData(path: string, onRead: (read: NodeRead<Buffer>) => void): void {
    this.#add(`data ${path}`, path, onRead, async () => {
      try {
        return { kind: 'there', value: await this.#reads.data(path, true) };
      } catch (thrown) {
        if (isRefusal(thrown, ZK_ERROR.noNode)) return { kind: 'absent' };
        throw thrown;
      }
    });
  }

  forget(kind: 'children' | 'data', path: string): void {
    this.#nodes.delete(`${kind} ${path}`);
  }

  /** A watch of ours went off. */
  changed(path: string): void {
    for (const kind of ['children', 'data']) {
      const node = this.#nodes.get(`${kind} ${path}`);
      if (node !== undefined) this.#enqueue(node);
    }
  }

  close(): void {
    this.#closed = true;
    this.#nodes.clear();
  }

  #add<T>(id: string, path: string, onRead: (read: NodeRead<T>) => void | Promise<void>, read: () => Promise<NodeRead<T>>): void {
    if (this.#nodes.has(id)) return;
    const node: WatchedNode = {
      path,
      state: 'idle',
      again: false,
      read: async () => {
        const result = await read();
        if (!this.#closed && this.#nodes.get(id) === node) await onRead(result);
      },
      onRefused: async (error) => {
        if (this.#closed || this.#nodes.get(id) !== node) return;
        await onRead({ kind: 'refused', error });
        setTimeout(() => {
          if (!this.#closed && this.#nodes.get(id) === node) this.#enqueue(node);
        }, RETRY_REFUSED_MS).unref();
      },
    };
    this.#nodes.set(id, node);
    this.#enqueue(node);
  }

  #enqueue(node: WatchedNode): void {
    if (node.state === 'reading') node.again = true;
    if (node.state !== 'idle') return;
    node.state = 'queued';
    this.#queue.push(node);
    this.#pump();
  }

  #pump(): void {
    while (this.#underWay < IN_FLIGHT && this.#head < this.#queue.length) {
      const node = this.#queue[this.#head] as WatchedNode;
      this.#head += 1;
      void this.#run(node);
    }
    if (this.#head < this.#queue.length) return;
    this.#queue.length = 0;
    this.#head = 0;
  }

  async #run(node: WatchedNode): Promise<void> {
    this.#underWay += 1;
    node.state = 'reading';
    try {
      await node.read();
    } catch (thrown) {
      if (this.#closed) return;
      if (!(thrown instanceof ZkRefusal)) return this.#onBroken(thrown); // the connection has ended, or a bug of ours
      await node.onRefused(thrown);
    }
    this.#underWay -= 1;
    node.state = 'idle';
    if (node.again) {
      node.again = false;
      this.#enqueue(node);
    }
    this.#pump();
    if (this.#underWay === 0 && this.#queue.length === 0 && !this.#closed) this.#onIdle();
  }
}
