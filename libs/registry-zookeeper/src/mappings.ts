import type { Scope } from '@isthmus/model';
import type { ServiceRead } from '@isthmus/registry';
import { applicationsOf, mappingName, mappingRead } from './normalize-mapping.ts';
import type { SessionSink } from './session-sink.ts';
import type { WatchedTree } from './watched-tree.ts';

/** Dubbo 3's service-name mapping below `/dubbo/mapping`: which applications provide an interface, for one session. */
export class Mappings {
  readonly #tree: WatchedTree;
  readonly #root: string;
  readonly #scope: Scope;
  readonly #wanted: (name: string) => boolean;
  readonly #sink: SessionSink;
  readonly #applicationsOf = new Map<string, readonly string[]>();
  readonly #interfacesOf = new Map<string, Set<string>>();
  readonly #applications = new Map<string, ServiceRead>();

  constructor(tree: WatchedTree, root: string, scope: Scope, wanted: (name: string) => boolean, sink: SessionSink) {
    this.#tree = tree;
    this.#root = `${root}/mapping`;
    this.#scope = scope;
    this.#wanted = wanted;
    this.#sink = sink;
  }

  start(): void {
    this.#tree.watchChildren(this.#root, (read) => {
      // Without the right to read them there are no such services; the applications themselves are still there.
      const names = new Set(read.kind === 'there' ? read.value.names.filter(this.#wanted) : []);
      for (const name of this.#applicationsOf.keys()) if (!names.has(name)) this.#drop(name);
      for (const name of names) if (!this.#applicationsOf.has(name)) this.#add(name);
    });
  }

  /** An application as it is now; undefined when it is gone. */
  setApplication(name: string, read: ServiceRead | undefined): void {
    if (this.#applications.get(name)?.hash === read?.hash) return;
    if (read === undefined) this.#applications.delete(name);
    else this.#applications.set(name, read);
    for (const interfaceName of this.#interfacesOf.get(name) ?? []) this.#update(interfaceName);
  }

  #add(interfaceName: string): void {
    this.#applicationsOf.set(interfaceName, []);
    this.#tree.watchData(`${this.#root}/${interfaceName}`, (read) => {
      if (read.kind === 'absent') return this.#drop(interfaceName); // the list is read again now, and adds it if it is back
      this.#map(interfaceName, read.kind === 'there' ? applicationsOf(read.value) : []);
      this.#update(interfaceName);
    });
  }

  #drop(interfaceName: string): void {
    this.#map(interfaceName, []);
    this.#applicationsOf.delete(interfaceName);
    this.#tree.forget('data', `${this.#root}/${interfaceName}`);
    this.#sink.remove(mappingName(interfaceName));
  }

  #map(interfaceName: string, applications: readonly string[]): void {
    for (const application of this.#applicationsOf.get(interfaceName) ?? []) {
      const interfaces = this.#interfacesOf.get(application);
      interfaces?.delete(interfaceName);
      if (interfaces?.size === 0) this.#interfacesOf.delete(application);
    }
    this.#applicationsOf.set(interfaceName, applications);
    for (const application of applications) {
      const interfaces = this.#interfacesOf.get(application) ?? new Set();
      this.#interfacesOf.set(application, interfaces.add(interfaceName));
    }
  }

  #update(interfaceName: string): void {
    const name = mappingName(interfaceName);
    const reads = (this.#applicationsOf.get(interfaceName) ?? []).flatMap((application) => {
      const read = this.#applications.get(application);
      return read === undefined ? [] : [read];
    });
    // The mapping stays for ever; without a living application there is no service.
    if (reads.every((read) => read.record.endpoints.length === 0)) return this.#sink.remove(name);
    const read = mappingRead(this.#scope, interfaceName, reads);
    if ('rejected' in read) this.#sink.reject(name, read.rejected);
    else this.#sink.read(name, read);
  }
}
