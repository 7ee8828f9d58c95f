import type { Scope } from '@isthmus/model';
import type { ServiceRead } from '@isthmus/registry';
import { applicationRead, readInstance, refusedInstance } from './normalize-application.ts';
import type { ReadInstance } from './normalize-application.ts';
import type { SessionSink } from './session-sink.ts';
import type { WatchedTree } from './watched-tree.ts';

interface Application {
  /** By id; those whose data was read. */
  readonly instances: Map<string, ReadInstance>;
  /** Ids whose data is being read. */
  readonly pending: Set<string>;
  /** Found gone when they were read; what they said stays until the list has been read, which follows. */
  readonly absent: Set<string>;
  listed: boolean;
  failed: boolean;
}

/** Everything that is registered at application level below `root`, for one session. */
export class Applications {
  readonly #tree: WatchedTree;
  readonly #root: string;
  readonly #scope: Scope;
  readonly #wanted: (name: string) => boolean;
  readonly #sink: SessionSink;
  readonly #onChange: (name: string, read: ServiceRead | undefined) => void;
  readonly #applications = new Map<string, Application>();

  /** @param onChange An application as it is now, undefined when it is gone: for the interfaces that are mapped to it. */
  constructor(
    tree: WatchedTree,
    root: string,
    scope: Scope,
    wanted: (name: string) => boolean,
    sink: SessionSink,
    onChange: (name: string, read: ServiceRead | undefined) => void,
  ) {
    this.#tree = tree;
    this.#root = root;
    this.#scope = scope;
    this.#wanted = wanted;
    this.#sink = sink;
    this.#onChange = onChange;
  }

  /** The children of the root. */
  setNames(children: readonly string[]): void {
    const names = new Set(children.filter(this.#wanted));
    for (const name of this.#applications.keys()) if (!names.has(name)) this.#drop(name);
    for (const name of names) if (!this.#applications.has(name)) this.#add(name);
  }

  /** False while an instance is known to be gone whose list has not been read again: the picture is not complete then. */
  isSettled(): boolean {
    return [...this.#applications.values()].every((entry) => entry.pending.size === 0);
  }

  #add(name: string): void {
    const entry: Application = { instances: new Map(), pending: new Set(), absent: new Set(), listed: false, failed: false };
    this.#applications.set(name, entry);
    this.#tree.watchChildren(`${this.#root}/${name}`, (read) => {
      if (read.kind === 'refused') {
        entry.failed = true;
        return this.#sink.fail(name, read.error.message);
      }
      if (entry.failed) this.#sink.unfail(name);
      entry.failed = false;
      entry.listed = true;
      this.#setInstances(name, entry, read.kind === 'there' ? read.value.names : []);
    });
  }

  #setInstances(name: string, entry: Application, ids: readonly string[]): void {
    const listed = new Set(ids);
    for (const id of [...entry.instances.keys(), ...entry.pending]) {
      if (listed.has(id)) continue;
      entry.instances.delete(id);
      entry.pending.delete(id);
      entry.absent.delete(id);
      this.#tree.forget('data', this.#path(name, id));
    }
    for (const id of listed) {
      const isBack = entry.absent.delete(id); // a provider that restarts registers under the same id
      if (isBack || !(entry.instances.has(id) || entry.pending.has(id))) this.#watchInstance(name, entry, id);
    }
    this.#update(name, entry);
  }

  #watchInstance(name: string, entry: Application, id: string): void {
    entry.pending.add(id);
    this.#tree.watchData(this.#path(name, id), (read) => {
      if (read.kind === 'absent') {
        this.#tree.forget('data', this.#path(name, id));
        entry.absent.add(id);
        return;
      }
      const instance =
        read.kind === 'refused'
          ? refusedInstance(this.#scope, name, id, read.error.message)
          : readInstance(this.#scope, name, id, read.value);
      entry.pending.delete(id);
      entry.instances.set(id, instance);
      this.#update(name, entry);
    });
  }

  #drop(name: string): void {
    const entry = this.#applications.get(name);
    this.#applications.delete(name);
    this.#tree.forget('children', `${this.#root}/${name}`);
    for (const id of [...(entry?.instances.keys() ?? []), ...(entry?.pending ?? [])])
      this.#tree.forget('data', this.#path(name, id));
    this.#sink.remove(name);
    this.#onChange(name, undefined);
  }

  /** Not before every listed instance is read: one that replaces another would otherwise leave a moment without any. */
  #update(name: string, entry: Application): void {
    if (!entry.listed || entry.pending.size > 0) return;
    const read = applicationRead(this.#scope, name, this.#root, entry.instances);
    if ('rejected' in read) {
      this.#sink.reject(name, read.rejected);
      return this.#onChange(name, undefined);
    }
    this.#sink.read(name, read);
    this.#onChange(name, read);
  }

  #path(name: string, id: string): string {
    return `${this.#root}/${name}/${id}`;
  }
}
