import Module from 'node:module';
import { observeConsul } from './consul.ts';
import { observeEureka } from './eureka.ts';
import { observeNacos } from './nacos.ts';
import type { RegistryObserver } from './registry-observer.ts';

type Load = (this: unknown, request: string, ...more: unknown[]) => unknown;

interface Loader {
  _load: Load;
  readonly _cache: Readonly<Record<string, { readonly exports?: unknown } | undefined>>;
}

const CLIENTS = ['nacos', 'nacos-naming', 'consul', 'eureka-js-client', '@rocketsoftware/eureka-js-client'] as const;
const NAMES: ReadonlySet<string> = new Set(CLIENTS);
/** `import` of a CommonJS package loads it by its file. */
const FILE = new RegExp(`[\\\\/]node_modules[\\\\/](?:${CLIENTS.join('|').replaceAll('/', '[\\\\/]')})[\\\\/]`);

/**
 * Watches the clients of registries that the application loads from now on, and those that it has loaded: one look at a name for
 * each `require`, no loader hooks. Clients that a bundler has built in are not seen: they are handed over by hand.
 * @returns undoes it; clients that are watched stay so
 */
export function observeOnRequire(observer: RegistryObserver): () => void {
  const loader = Module as unknown as Loader;
  const load = loader._load;
  let undone = false;
  const patched: Load = function (this: unknown, request, ...more) {
    const loaded = load.call(this, request, ...more);
    if (undone) return loaded;
    if (NAMES.has(request) || (request.length > 0 && request.includes('node_modules') && FILE.test(request)))
      observeModule(loaded, observer);
    return loaded;
  };
  loader._load = patched;
  for (const [file, module] of Object.entries(loader._cache)) if (FILE.test(file)) observeModule(module?.exports, observer);
  return () => {
    undone = true; // another patch may be above it
    if (loader._load === patched) loader._load = load;
  };
}

/** By what it exports: npm `nacos` passes on what `nacos-naming` has, and files within a package are none of these. */
function observeModule(loaded: unknown, observer: RegistryObserver): void {
  try {
    if ((typeof loaded !== 'object' && typeof loaded !== 'function') || loaded === null) return;
    const has = (name: string): boolean => typeof (loaded as Readonly<Record<string, unknown>>)[name] === 'function';
    if (has('NacosNamingClient')) observeNacos(loaded, observer);
    else if (has('Eureka')) observeEureka(loaded, observer);
    else if (typeof loaded === 'function' && has('Watch') && has('Health')) observeConsul(loaded, observer);
  } catch (error) {
    observer.fault(error);
  }
}
