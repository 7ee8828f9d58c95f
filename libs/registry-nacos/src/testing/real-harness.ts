import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import type { FaultHarness, TestInstance } from '@isthmus/registry/testing';
import { nacosConfigSchema } from '../config.ts';
import { HttpClient } from '../http.ts';
import { NacosLogin } from '../login.ts';
import { serverAddress } from '../server-address.ts';
import { NacosSource } from '../source.ts';
import { defaultTiming } from '../timing.ts';
import { testAbilities } from './fake-harness.ts';
import type { FakeInstance } from './fake-store.ts';
import { NacosProvider } from './provider.ts';

/** What the harness needs of a server of `@isthmus/servers`, which a library may not import. */
interface RealNacos {
  readonly ports: { readonly http: number; readonly grpc: number };
  kill(): Promise<void>;
  restart(options?: { readonly keepData?: boolean }): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

export type StartNacos = (options: {
  readonly auth?: { readonly username: string; readonly password: string };
}) => Promise<RealNacos>;

type Api = 'auto' | 'grpc' | 'http';

export interface RealHarnessOptions {
  /** Of the sources that `open` makes. */
  readonly api?: Api;
  /** Default true. Without it the HTTP adapter also listens to npm `nacos`. */
  readonly auth?: boolean;
  /** Default '1s'. */
  readonly listInterval?: string;
}

export interface RealHarness extends FaultHarness {
  openOver(api: Api): NacosSource;
  /** Their connections end, which takes the instances away, and they register anew: as after a Nacos that hung for long. */
  providersReconnect(): Promise<void>;
}

/** Registrations that a provider waits for at a time. */
const AT_ONCE = 64;

/** The contract suite's harness on a real Nacos; providers are gRPC connections of this process. */
export async function realHarness(start: StartNacos, options: RealHarnessOptions = {}): Promise<RealHarness> {
  const auth = { username: 'reader', password: 'right-1' };
  process.env['ISTHMUS_TEST_RIGHT'] = auth.password;
  process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
  const withAuth = options.auth ?? true;
  const server = await start(withAuth ? { auth } : {});
  const url = `http://127.0.0.1:${server.ports.http}`;
  const id = parseSourceId('shop');
  const http = new HttpClient(defaultTiming.mostMessageBytes);
  const login = new NacosLogin(
    withAuth ? { username: auth.username, passwordEnv: 'ISTHMUS_TEST_RIGHT' } : undefined,
    '.',
    http,
    systemClock,
    10_000,
  );
  const address = serverAddress(url, 1_000);
  const services = new Map<string, Map<string, FakeInstance>>();
  let provider: NacosProvider | undefined;

  const connect = async () => {
    provider?.close();
    await login.ensure(address, new AbortController().signal, true);
    provider = new NacosProvider({ address: address.grpc, token: login.current(address) });
    await provider.connect();
    await provideAll([...services.keys()]);
  };
  /** At once, as the providers of many processes do: one by one a busy server took longer than `restartGrace`, and they were missed. */
  const provideAll = async (names: readonly string[]) => {
    for (let at = 0; at < names.length; at += AT_ONCE) await Promise.all(names.slice(at, at + AT_ONCE).map(provide));
  };
  const provide = async (name: string) => provider?.provide({ name, instances: [...(services.get(name)?.values() ?? [])] });
  await connect();
  const open = (server: string, password: 'right' | 'wrong', clock: Clock, api = options.api ?? 'auto'): NacosSource => {
    const config = nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: [server],
      api,
      groups: ['*'],
      listInterval: options.listInterval ?? '1s',
      restartGrace: '8s',
      ...(withAuth ? { auth: { username: auth.username, passwordEnv: `ISTHMUS_TEST_${password.toUpperCase()}` } } : {}),
    });
    const timing = { ...defaultTiming, healthCheckEvery: 1_000, requestDeadline: 3_000 };
    return new NacosSource(id, config, { clock, random: Math.random, baseDir: '.' }, timing);
  };

  return {
    abilities: { ...testAbilities, auth: withAuth },
    scope: { source: id, namespace: 'public', group: 'DEFAULT_GROUP' },
    open: ({ password = 'right' } = {}) => open(url, password, systemClock),
    openOver: (api) => open(url, 'right', systemClock, api),
    providersReconnect: connect,
    faults: {
      ports: [server.ports.http, server.ports.grpc],
      open: async ({ clock, port = server.ports.http }) => open(`http://127.0.0.1:${port}`, 'right', clock),
      // Its tokens are JWTs, which nobody can take back; the roles behind them are looked up at every call.
      ...(withAuth ? { revoke: () => changeRole(url, auth, 'DELETE'), restore: () => changeRole(url, auth, 'POST') } : {}),
    },
    register: async (name, instance) => {
      const list = services.get(name) ?? new Map<string, FakeInstance>();
      services.set(name, list.set(`${instance.address} ${instance.port}`, instanceOf(instance)));
      await provide(name);
    },
    deregister: async (name, ip, port) => {
      services.get(name)?.delete(`${ip} ${port}`);
      await provide(name);
    },
    registerMany: async (prefix, count) => {
      const instances = Array.from({ length: count }, (_, n): [string, FakeInstance] => [
        `${prefix}-${n}`,
        { ip: `10.9.${n >> 8}.${n & 255}`, port: 9_000 },
      ]);
      for (const [name, instance] of instances) services.set(name, new Map([['', instance]]));
      await provideAll(instances.map(([name]) => name));
    },
    down: () => server.kill(),
    // Ephemeral instances are never stored: what comes back with its data comes back because its providers do.
    up: async ({ keepData }) => {
      await server.restart({ keepData: true });
      if (!keepData) services.clear();
      await connect();
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: async () => {
      provider?.close();
      http.close();
      await server.stop();
    },
  };
}

/** As the administrator: takes the user's role away or gives it back. */
async function changeRole(
  url: string,
  user: { readonly username: string; readonly password: string },
  method: 'POST' | 'DELETE',
): Promise<void> {
  const call = async (verb: string, paths: readonly string[], form: Readonly<Record<string, string>>): Promise<string> => {
    const query = new URLSearchParams(form).toString();
    for (const path of paths) {
      const answer = await fetch(`${url}/nacos${path}?${query}`, { method: verb });
      const text = await answer.text();
      if (answer.ok) return text;
      if (path === paths.at(-1)) throw new Error(`${verb} ${path}: ${answer.status} ${text.slice(0, 200)}`);
    }
    throw new Error('no path');
  };
  const login = await call('POST', ['/v3/auth/user/login', '/v1/auth/login'], { username: 'nacos', password: user.password });
  const { accessToken } = JSON.parse(login) as { readonly accessToken: string };
  const role = { role: `all-${user.username}`, username: user.username, accessToken };
  await call(method, ['/v3/auth/role', '/v1/auth/roles'], role);
}

function instanceOf(instance: TestInstance): FakeInstance {
  return {
    ip: instance.address,
    port: instance.port,
    weight: instance.weight ?? 1,
    healthy: instance.healthy ?? true,
    enabled: instance.enabled ?? true,
    metadata: instance.metadata ?? {},
  };
}
