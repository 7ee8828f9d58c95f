import type { Scope } from '@isthmus/model';
import { dubboServiceName } from '@isthmus/registry';
import type { DubboService, ServiceRead } from '@isthmus/registry';
import { Definitions } from './definitions.ts';
import type { Definition } from './definitions.ts';
import type { InterfaceServices } from './interface-services.ts';
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
  readonly #services: InterfaceServices;
  readonly #definitions: Definitions;
  /** By interface: the services that its applications define. */
  readonly #defined = new Map<string, readonly Definition[]>();

  constructor(
    tree: WatchedTree,
    root: string,
    scope: Scope,
    wanted: (name: string) => boolean,
    sink: SessionSink,
    services: InterfaceServices,
  ) {
    this.#services = services;
    this.#definitions = new Definitions(tree, root, (interfaceName, definitions) => this.#define(interfaceName, definitions));
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
    this.#definitions.watch(interfaceName);
    this.#tree.watchData(`${this.#root}/${interfaceName}`, (read) => {
      if (read.kind === 'absent') return this.#drop(interfaceName); // the list is read again now, and adds it if it is back
      this.#map(interfaceName, read.kind === 'there' ? applicationsOf(read.value) : []);
      this.#update(interfaceName);
    });
  }

  #drop(interfaceName: string): void {
    this.#map(interfaceName, []);
    this.#definitions.forget(interfaceName);
    this.#define(interfaceName, []);
    this.#defined.delete(interfaceName);
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

  #define(interfaceName: string, definitions: readonly Definition[]): void {
    const before = this.#defined.get(interfaceName) ?? [];
    this.#defined.set(interfaceName, definitions);
    const now = new Set(definitions.map(({ service }) => dubboServiceName(service)));
    for (const { service } of before) if (!now.has(dubboServiceName(service))) this.#services.setApplications(service, []);
    this.#updateDefined(interfaceName);
  }

  /** Dubbo never takes a definition back: only applications that live and are mapped count. */
  #updateDefined(interfaceName: string): void {
    const mapped = this.#applicationsOf.get(interfaceName) ?? [];
    const byName = new Map<string, { readonly service: DubboService; readonly names: Set<string> }>();
    for (const { service, application } of this.#defined.get(interfaceName) ?? []) {
      const name = dubboServiceName(service);
      const known = byName.get(name) ?? { service, names: new Set() };
      if (mapped.includes(application)) known.names.add(application);
      byName.set(name, known);
    }
    for (const { service, names } of byName.values()) this.#services.setApplications(service, this.#living([...names].sort()));
  }

  #living(names: readonly string[]): readonly ServiceRead[] {
    return names.flatMap((name) => {
      const read = this.#applications.get(name);
      return read === undefined || read.record.endpoints.length === 0 ? [] : [read];
    });
  }

  #update(interfaceName: string): void {
    this.#updateDefined(interfaceName);
    const name = mappingName(interfaceName);
    const reads = this.#living(this.#applicationsOf.get(interfaceName) ?? []);
    // The mapping stays for ever; without a living application there is no service.
    if (reads.length === 0) return this.#sink.remove(name);
    const read = mappingRead(this.#scope, interfaceName, reads);
    if ('rejected' in read) this.#sink.reject(name, read.rejected);
    else this.#sink.read(name, read);
  }
}
