/**
 * One client of a registry in a thread of its own, watched or not: npm `nacos` cannot be closed for good, and papi, below npm `consul`,
 * takes errors of Jest's realm for answers. Calls a method for each message `{ id, path, args }` and answers `{ id, value | error }`; tells
 * `{ view }`, `{ bug }`, `{ registered }` and `{ gone }` as they are seen.
 */
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { Provider } from '../../provider/provider.ts';
import { RegistrationBook } from '../../provider/registration-book.ts';
import { observeConsul } from '../consul.ts';
import { observeEureka } from '../eureka.ts';
import { observeNacos } from '../nacos.ts';
import type { RegistryObserver } from '../registry-observer.ts';
import type { ClientOrder, ClientTold } from './watched-client.ts';

const { kind, module, options, watched, warmUpMs = 0 } = workerData as ClientOrder;
const load = createRequire(import.meta.url);
const tell = (message: ClientTold): void => parentPort?.postMessage(message);
const quiet = new Proxy(console, { get: () => () => undefined });
const listener = (): void => undefined;

const book = new RegistrationBook();
/** `provider.shutdown` and `provider.register` of what the client registered. */
const provider = new Provider({ seen: () => book.list(), propagationMs: 0, warmUpMs });

const observer: RegistryObserver = {
  view: (name, endpoints) => tell({ view: name, endpoints }),
  bug: (name, code, message) => tell({ bug: code, name, message }),
  registered: (registration) => {
    book.add(registration);
    tell({ registered: registration.id });
  },
  registering: () => undefined,
  deregistered: (id) => {
    book.remove(id);
    tell({ gone: id });
  },
  fault: (error) => tell({ bug: 'fault', name: '', message: String((error as Error).stack) }),
};

process.on('uncaughtException', (error) => tell({ bug: 'uncaught', name: '', message: error.message }));
process.on('unhandledRejection', (error) => tell({ bug: 'unhandled', name: '', message: String(error) }));

type Class = new (options: object) => object;

function make(): object {
  const library = load(module) as unknown;
  const make = (Client: unknown, more: object): object => new (Client as Class)({ ...options, ...more });
  switch (kind) {
    case 'nacos': {
      const client = make((library as { NacosNamingClient: unknown }).NacosNamingClient, { logger: quiet });
      return watched === 'client' ? observeNacos(client, observer) : client;
    }
    case 'consul': {
      const client = make(library, {});
      return watched === 'client' ? observeConsul(client, observer) : client;
    }
    case 'eureka': {
      const client = make((library as { Eureka: unknown }).Eureka, { logger: quiet });
      return watched === 'client' ? observeEureka(client, observer) : client;
    }
  }
}

if (watched === 'module') {
  const library = load(module) as object;
  if (kind === 'nacos') observeNacos(library, observer);
  if (kind === 'consul') observeConsul(library, observer);
  if (kind === 'eureka') observeEureka(library, observer);
}

const client = make() as Record<string, unknown>;

/** `@health.service` stands for a method, `@listener` for a callback. */
function argument(value: unknown): unknown {
  if (value === '@listener') return listener;
  if (typeof value === 'string' && value.startsWith('@')) return member(value.slice(1)).method;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, argument(one)]));
}

function member(path: string): { readonly self: unknown; readonly method: unknown } {
  let self: unknown;
  let value: unknown = path.startsWith('provider.') ? { provider } : client;
  for (const name of path.split('.')) {
    self = value;
    value = (value as Record<string, unknown>)[name];
  }
  return { self, method: value };
}

async function call(path: string, args: readonly unknown[]): Promise<unknown> {
  const { self, method } = member(path);
  if (typeof method !== 'function') return method;
  const result = await (method as (...args: unknown[]) => unknown).apply(self, args.map(argument));
  if (path !== 'watch') return result;
  if (!args.includes('unguarded')) (result as EventEmitter).on('error', listener);
  return undefined;
}

parentPort?.on('message', ({ id, path, args }: { id: number; path: string; args: readonly unknown[] }) => {
  call(path, args).then(
    (value) => tell({ id, value: JSON.parse(JSON.stringify(value ?? null)) as unknown }),
    (error: unknown) => tell({ id, error: (error as Error).message }),
  );
});
