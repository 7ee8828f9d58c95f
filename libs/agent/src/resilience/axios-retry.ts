import type { LiftedPolicy } from '@isthmus/contract';
import { applicationExport, applicationVersion } from './application-library.ts';
import { deadlineFor, ownedCall } from './call-owner.ts';
import type { OwnedCall, TargetOption } from './call-owner.ts';
import { isHandedOver } from './placed-call.ts';
import { addPart, tellable } from './resilience-parts.ts';

/** What is used of axios; its own types would be a dependency. */
interface AxiosLike {
  readonly defaults?: { readonly baseURL?: unknown; readonly timeout?: unknown };
  readonly interceptors: { readonly request: { use(fulfilled: (config: never) => unknown): unknown } };
}

interface Config {
  baseURL?: string;
  url?: string;
  headers?: unknown;
  timeout?: number;
  adapter?: unknown;
  'axios-retry'?: Readonly<Record<string, unknown>>;
  [PLACED]?: PlacedConfig;
}

/** A class, because axios copies plain objects of a config and keeps others as they are, and its retry is a new call with the config. */
class PlacedConfig {
  readonly owned: OwnedCall;
  constructor(owned: OwnedCall) {
    this.owned = owned;
  }
}

const PLACED = 'isthmus-agent-placed';
const WRAPPED = Symbol.for('isthmus.agent.axios');

type GetAdapter = (adapters: unknown, config: unknown) => unknown;

export interface AxiosOption extends Omit<TargetOption<[]>, 'target' | 'headers'> {
  /** As given to `axiosRetry`: what is told of it; `axiosRetry` keeps them to itself. */
  readonly retry?: Readonly<Record<string, unknown>>;
  /** `axios.getAdapter`; by default that of the axios that the application would load. */
  readonly getAdapter?: GetAdapter;
}

/**
 * An instance with `axiosRetry(instance, …)` (3 or 4): where the sidecar owns the retries of a call there are none here, where it owns
 * its deadline the call's `timeout` is later by the margin, and every attempt goes the way of the first. The target is that of the URL.
 * @returns the instance
 */
export function wrapAxios<Axios extends object>(axios: Axios, option: AxiosOption = {}): Axios {
  if (WRAPPED in axios) return axios;
  Object.defineProperty(axios, WRAPPED, { value: true });
  const instance = axios as unknown as AxiosLike;
  const adapterOf = option.getAdapter ?? applicationExport<GetAdapter>('axios', 'getAdapter');
  instance.interceptors.request.use((config: Config): Config => configured(config, option, adapterOf));
  const told = { retries: 3, ...tellable(option.retry ?? {}) };
  const { baseURL, timeout } = instance.defaults ?? {};
  addPart(axios, {
    target: typeof baseURL === 'string' ? baseURL : undefined,
    policies: () => [
      {
        library: 'axios-retry',
        version: applicationVersion('axios-retry'),
        name: 'axios-retry',
        policy: 'retry',
        options: told,
      },
      ...(typeof timeout === 'number' && timeout > 0 ? [timeoutOf(timeout)] : []),
    ],
  });
  return axios;
}

function timeoutOf(timeout: number): LiftedPolicy {
  return { library: 'axios', version: applicationVersion('axios'), name: 'axios', policy: 'timeout', options: { timeout } };
}

function configured(config: Config, option: AxiosOption, adapterOf: GetAdapter | undefined): Config {
  const before = config[PLACED];
  const target = targetOf(config);
  const owned =
    before?.owned ?? (target === undefined ? undefined : ownedCall({ target, headers: () => plain(config.headers) }, []));
  if (owned === undefined) return config;
  config[PLACED] = before ?? new PlacedConfig(owned);
  const own = config.timeout ?? 0;
  if (before === undefined && own > 0) config.timeout = deadlineFor({ ...option, target: '' }, owned.call, own);
  const isPinned = pin(config, owned, adapterOf);
  // What cannot be kept on its way is not repeated: a second attempt might meet a sidecar that repeats it too.
  if (!isPinned || isHandedOver(owned.call, 'retry')) config['axios-retry'] = { ...config['axios-retry'], retries: 0 };
  return config;
}

/** Each attempt goes the way of its call. @returns whether it will */
function pin(config: Config, { call, calls }: OwnedCall, adapterOf: GetAdapter | undefined): boolean {
  const send = typeof config.adapter === 'function' ? config.adapter : adapterOf?.(config.adapter, config);
  if (typeof send !== 'function') return false;
  if (WRAPPED in send) return true;
  const pinned = (request: unknown): Promise<unknown> =>
    calls.whileRunning(call, () => (send as (request: unknown) => Promise<unknown>)(request));
  config.adapter = Object.assign(pinned, { [WRAPPED]: true });
  return true;
}

function targetOf({ url = '', baseURL }: Config): string | undefined {
  try {
    const { protocol, origin } = new URL(url, baseURL);
    return protocol === 'http:' ? origin : undefined;
  } catch {
    return undefined;
  }
}

function plain(headers: unknown): unknown {
  const { toJSON } = (headers ?? {}) as { toJSON?: () => unknown };
  return typeof toJSON === 'function' ? toJSON.call(headers) : headers;
}
