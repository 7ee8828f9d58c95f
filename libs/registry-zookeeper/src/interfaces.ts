import { setImmediate } from 'node:timers/promises';
import type { Scope } from '@isthmus/model';
import type { InterfaceServices } from './interface-services.ts';
import { providersOf, readProvider } from './normalize-providers.ts';
import type { Provider } from './normalize-providers.ts';
import type { SessionSink } from './session-sink.ts';
import type { Children, NodeRead, WatchedTree } from './watched-tree.ts';

interface Interface {
  /** By the names of their nodes; undefined until they are read the first time. */
  providers: ReadonlyMap<string, Provider> | undefined;
  configurators: readonly string[] | undefined;
  /** Names of the services that it has now. */
  services: ReadonlySet<string>;
  /** Names said to be unreadable. */
  failed: readonly string[];
}

/** Names below `/dubbo` that are no interfaces. */
const RESERVED: ReadonlySet<string> = new Set(['config', 'mapping', 'metadata']);

/** Reading that many providers takes about 5 ms. */
const PORTION = 200;

/** Everything that is registered at interface level below `root`, for one session. */
export class Interfaces {
  readonly #tree: WatchedTree;
  readonly #root: string;
  readonly #scope: Scope;
  readonly #wanted: (name: string) => boolean;
  readonly #sink: SessionSink;
  readonly #services: InterfaceServices;
  readonly #interfaces = new Map<string, Interface>();

  constructor(
    tree: WatchedTree,
    root: string,
    scope: Scope,
    wanted: (name: string) => boolean,
    sink: SessionSink,
    services: InterfaceServices,
  ) {
    this.#services = services;
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
    this.#tree.watchChildren(`${this.#root}/${name}/providers`, async (read) => {
      if (read.kind === 'refused') return this.#fail(name, entry, read.error.message);
      entry.providers = await this.#readProviders(name, namesOf(read), entry.providers);
      if (this.#interfaces.get(name) === entry) this.#update(name, entry);
    });
    // Without the right to read them they change nothing.
    this.#tree.watchChildren(`${this.#root}/${name}/configurators`, (read) => {
      entry.configurators = namesOf(read);
      this.#update(name, entry);
    });
  }

  /** Only what is new is read; thousands at once in turns of the event loop of their own. */
  async #readProviders(
    interfaceName: string,
    texts: readonly string[],
    known: ReadonlyMap<string, Provider> | undefined,
  ): Promise<ReadonlyMap<string, Provider>> {
    const providers = new Map<string, Provider>();
    let fresh = 0;
    for (const text of texts) {
      const same = known?.get(text);
      providers.set(text, same ?? readProvider(this.#scope, interfaceName, text));
      if (same === undefined && (fresh += 1) % PORTION === 0) await setImmediate();
    }
    return providers;
  }

  #drop(name: string): void {
    const entry = this.#interfaces.get(name);
    this.#interfaces.delete(name);
    for (const node of ['providers', 'configurators']) this.#tree.forget('children', `${this.#root}/${name}/${node}`);
    for (const service of entry?.services ?? []) this.#services.setRegistered(service, undefined);
    for (const service of entry?.failed ?? []) this.#sink.unfail(service);
    this.#sink.diagnose(name, undefined);
  }

  #update(name: string, entry: Interface): void {
    if (entry.providers === undefined || entry.configurators === undefined) return;
    const result = providersOf(this.#scope, name, entry.providers.values(), entry.configurators);
    for (const service of entry.failed) this.#sink.unfail(service);
    entry.failed = [];
    for (const [service, read] of result.services) {
      if ('rejected' in read) this.#services.reject(service, read.rejected);
      else this.#services.setRegistered(service, read);
    }
    for (const service of entry.services) if (!result.services.has(service)) this.#services.setRegistered(service, undefined);
    entry.services = new Set(result.services.keys());
    this.#sink.diagnose(name, result.diagnostic);
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
