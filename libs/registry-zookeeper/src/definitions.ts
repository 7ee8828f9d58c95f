import type { DubboService } from '@isthmus/registry';
import { servicesOfDefinition } from './normalize-definition.ts';
import type { Children, NodeRead, WatchedTree } from './watched-tree.ts';

/** An application that says, in Dubbo's metadata center, that it provides this version and group of an interface. */
export interface Definition {
  readonly service: DubboService;
  readonly application: string;
}

/** Version and group. */
const MOST_DEPTH = 2;
const PROVIDER = 'provider';

/**
 * Dubbo's metadata center below `/dubbo/metadata`, for one session: `<interface>[/<version>][/<group>]/provider/<application>`. The mapping
 * from interfaces to applications does not know versions and groups; this does.
 */
export class Definitions {
  readonly #tree: WatchedTree;
  readonly #root: string;
  readonly #onChange: (interfaceName: string, definitions: readonly Definition[]) => void;
  /** By interface and path of a `…/provider` node; undefined until it is read. */
  readonly #found = new Map<string, Map<string, readonly Definition[]>>();
  /** By interface: the paths whose children are watched. */
  readonly #watched = new Map<string, Set<string>>();

  constructor(tree: WatchedTree, root: string, onChange: (interfaceName: string, definitions: readonly Definition[]) => void) {
    this.#tree = tree;
    this.#root = `${root}/metadata`;
    this.#onChange = onChange;
  }

  watch(interfaceName: string): void {
    if (this.#watched.has(interfaceName)) return;
    this.#watched.set(interfaceName, new Set());
    this.#found.set(interfaceName, new Map());
    this.#watchLevel(interfaceName, []);
  }

  forget(interfaceName: string): void {
    for (const path of this.#watched.get(interfaceName) ?? []) {
      this.#tree.forget('children', path);
      this.#tree.forget('data', path);
    }
    this.#watched.delete(interfaceName);
    this.#found.delete(interfaceName);
  }

  /** @param below What stands between the interface and here: nothing, a version, a group, or both. */
  #watchLevel(interfaceName: string, below: readonly string[]): void {
    const path = [this.#root, interfaceName, ...below].join('/');
    this.#watchChildren(interfaceName, path, (names) => {
      for (const name of names) {
        if (name === PROVIDER) this.#watchProvider(interfaceName, below, `${path}/${PROVIDER}`);
        else if (name !== 'consumer' && below.length < MOST_DEPTH) this.#watchLevel(interfaceName, [...below, name]);
      }
    });
  }

  #watchProvider(interfaceName: string, below: readonly string[], path: string): void {
    this.#watchChildren(interfaceName, path, (applications) => {
      const [version, group] = below;
      if (below.length === 1 && applications.length > 0) {
        return this.#watchAmbiguous(interfaceName, below[0] as string, path, applications);
      }
      const service = { interfaceName, version: version ?? '', group: group ?? '' };
      this.#set(
        interfaceName,
        path,
        applications.map((application) => ({ service, application })),
      );
    });
  }

  /** One name may be a version or a group: what the application has written there says which. */
  #watchAmbiguous(interfaceName: string, name: string, path: string, applications: readonly string[]): void {
    for (const application of applications) {
      const node = `${path}/${application}`;
      this.#watched.get(interfaceName)?.add(node);
      this.#tree.watchData(node, (read) => {
        const services = read.kind === 'there' ? servicesOfDefinition(interfaceName, name, read.value) : [];
        this.#set(
          interfaceName,
          node,
          services.map((service) => ({ service, application })),
        );
      });
    }
  }

  #watchChildren(interfaceName: string, path: string, onNames: (names: readonly string[]) => void): void {
    const watched = this.#watched.get(interfaceName);
    if (watched === undefined || watched.has(path)) return;
    watched.add(path);
    // Without the right to read it the mapping alone has to do.
    this.#tree.watchChildren(path, (read: NodeRead<Children>) => onNames(read.kind === 'there' ? read.value.names : []));
  }

  #set(interfaceName: string, path: string, definitions: readonly Definition[]): void {
    const found = this.#found.get(interfaceName);
    if (found === undefined) return;
    found.set(path, definitions);
    this.#onChange(interfaceName, [...found.values()].flat());
  }
}
