import type { Scope } from '@isthmus/model';
import { providersOf } from './normalize-providers.ts';
import type { SessionSink } from './session-sink.ts';
import type { Children, NodeRead, WatchedTree } from './watched-tree.ts';

interface Interface {
  /** Undefined until they are read the first time. */
  providers: readonly string[] | undefined;
  configurators: readonly string[] | undefined;
  /** Names of the services that it has now. */
  services: ReadonlySet<string>;
  /** Names said to be unreadable. */
  failed: readonly string[];
}

/** Names below `/dubbo` that are no interfaces. */
const RESERVED: ReadonlySet<string> = new Set(['config', 'mapping', 'metadata']);

/** Everything that is registered at interface level below `root`, for one session. */
export class Interfaces {
  readonly #tree: WatchedTree;
  readonly #root: string;
  readonly #scope: Scope;
  readonly #wanted: (name: string) => boolean;
  readonly #sink: SessionSink;
  readonly #interfaces = new Map<string, Interface>();

  constructor(tree: WatchedTree, root: string, scope: Scope, wanted: (name: string) => boolean, sink: SessionSink) {
    this.#tree = tree;
    this.#root = root;
    this.#scope = scope;
    this.#wanted = wanted;
    this.#sink = sink;
  }

  /** The children of the root. */
  setNames(children: readonly string[]): void {
    const names = new Set(children.filter((name) => !RESERVED.has(name) && this.#wanted(name)));
    for (const name of this.#interfaces.keys()) if (!names.has(name)) this.#drop(name);
    for (const name of names) if (!this.#interfaces.has(name)) this.#add(name);
  }

  #add(name: string): void {
    const entry: Interface = { providers: undefined, configurators: undefined, services: new Set(), failed: [] };
    this.#interfaces.set(name, entry);
    this.#tree.watchChildren(`${this.#root}/${name}/providers`, (read) => {
      if (read.kind === 'refused') return this.#fail(name, entry, read.error.message);
      entry.providers = namesOf(read);
      this.#update(name, entry);
    });
    // Without the right to read them they change nothing.
    this.#tree.watchChildren(`${this.#root}/${name}/configurators`, (read) => {
      entry.configurators = namesOf(read);
      this.#update(name, entry);
    });
  }

  #drop(name: string): void {
    const entry = this.#interfaces.get(name);
    this.#interfaces.delete(name);
    for (const node of ['providers', 'configurators']) this.#tree.forget('children', `${this.#root}/${name}/${node}`);
    for (const service of entry?.services ?? []) this.#sink.remove(service);
    for (const service of entry?.failed ?? []) this.#sink.unfail(service);
    this.#sink.diagnose(name, undefined);
  }

  #update(name: string, entry: Interface): void {
    if (entry.providers === undefined || entry.configurators === undefined) return;
    const result = providersOf(this.#scope, name, entry.providers, entry.configurators);
    for (const service of entry.failed) this.#sink.unfail(service);
    entry.failed = [];
    for (const [service, record] of result.services) this.#sink.record(service, record);
    for (const service of entry.services) if (!result.services.has(service)) this.#sink.remove(service);
    entry.services = new Set(result.services.keys());
    this.#sink.diagnose(name, result.diagnostics[0]);
  }

  /** What was known of it stays, from this session or from before. */
  #fail(name: string, entry: Interface, why: string): void {
    const prefix = `providers:${name}:`;
    const known = this.#sink.knownNames().filter((service) => service.startsWith(prefix));
    entry.failed = known.length > 0 ? known : [`${prefix}:`];
    for (const service of entry.failed) this.#sink.fail(service, why);
  }
}

function namesOf(read: NodeRead<Children>): readonly string[] {
  return read.kind === 'there' ? read.value.names : [];
}
