import type { Registration } from '../provider/registration.ts';
import { fieldsOf, textOf } from './values.ts';
import type { Fields } from './values.ts';

/** What of npm `consul` 1 and 2 is used. */
export interface ConsulClient {
  readonly health?: object;
  readonly agent?: {
    readonly service?: ConsulAgentService;
    readonly check?: { pass(options: { readonly id: string }): Promise<unknown> };
  };
  /** papi's way to add to requests. */
  _ext?(
    event: 'onCreate',
    extension: (request: { readonly opts: { readonly name?: string; readonly body?: unknown } }, next: () => void) => void,
  ): void;
}

export interface ConsulAgentService {
  register(options: object): Promise<unknown>;
  deregister(options: { readonly id: string }): Promise<unknown>;
}

/** Watches know within milliseconds; who polls Consul, or its DNS with a TTL, a little later. */
const PROPAGATION_MS = 1_000;
interface Weights {
  readonly Passing: number;
  readonly Warning: number;
}

/** Weights of one client's services: npm `consul` leaves `weights` out of what it sends, so an extension of its requests adds them. */
const watched = new WeakSet<ConsulClient>();
const weightsOf = new WeakMap<ConsulClient, Map<string, Weights>>();

/** A service at the application's local Consul agent. A check that is passed late is refused there: it registers nothing again. */
export class ConsulRegistration implements Registration {
  readonly id: string;
  /** Which datacenter its agent is in the client does not know. */
  readonly sdkName: string;
  readonly propagationMs = PROPAGATION_MS;
  /** Weights are whole numbers, and 1 where nothing is said: only a service that says more can have less for a while. */
  readonly setShare?: (share: number) => Promise<void>;
  readonly #client: ConsulClient;
  readonly #options: Fields;
  readonly #serviceId: string;

  /** @param options as for `agent.service.register`, its keys in any case */
  constructor(client: ConsulClient, options: Fields) {
    this.#client = client;
    this.#options = normalized(options);
    this.#serviceId = textOf(this.#options['id']) || textOf(this.#options['name']);
    this.id = `consul ${this.#serviceId}`;
    this.sdkName = `consul///${textOf(this.#options['name'])}`;
    // Registering again keeps the states of its checks.
    if (this.#fullWeight > 1) this.setShare = (share) => this.#register(share);
  }

  /** A check with a TTL is critical until it is passed for the first time: that is done here, so that callers see it at once. */
  async register(): Promise<void> {
    await this.#register(1);
    for (const { id, isPassing } of this.#ttlChecks) if (!isPassing) await this.#client.agent?.check?.pass({ id });
  }

  /** A service that is not there any more is gone as wanted. */
  async deregister(): Promise<void> {
    try {
      await this.#service.deregister({ id: this.#serviceId });
    } catch (error) {
      if (fieldsOf(error)['statusCode'] !== 404) throw error;
    }
  }

  /** The application's own timer goes on passing its TTL check: Consul would refuse that, and a rejection nobody expects ends a process. */
  quiet(isQuiet: boolean): void {
    const quieted = quietChecks(this.#client);
    for (const { id } of this.#ttlChecks)
      if (isQuiet) quieted.add(id);
      else quieted.delete(id);
  }

  get #ttlChecks(): readonly { readonly id: string; readonly isPassing: boolean }[] {
    const checks = Array.isArray(this.#options['checks']) ? this.#options['checks'] : [this.#options['check']];
    return checks.flatMap((given, at) => {
      const check = normalized(fieldsOf(given));
      if (check['ttl'] === undefined) return [];
      const ownId = `service:${this.#serviceId}${checks.length > 1 ? `:${at + 1}` : ''}`;
      return [{ id: textOf(check['checkid']) || ownId, isPassing: check['status'] === 'passing' }];
    });
  }

  async #register(share: number): Promise<void> {
    const weights = normalized(fieldsOf(this.#options['weights']));
    if (weights['passing'] !== undefined)
      addWeights(this.#client).set(this.#serviceId, {
        Passing: Math.max(1, Math.round(this.#fullWeight * share)),
        Warning: Number(weights['warning'] ?? 1),
      });
    await this.#service.register(this.#options);
  }

  get #fullWeight(): number {
    return Number(normalized(fieldsOf(this.#options['weights']))['passing'] ?? 1);
  }

  get #service(): ConsulAgentService {
    const service = this.#client.agent?.service;
    if (service === undefined) throw new Error('the consul client has no agent.service');
    return service;
  }
}

const quietOf = new WeakMap<object, Set<string>>();

/** Checks of a client whose states go nowhere for now. */
function quietChecks({ agent }: ConsulClient): Set<string> {
  const check = agent?.check as (object & Record<string, unknown>) | undefined;
  const quieted = (check === undefined ? undefined : quietOf.get(check)) ?? new Set<string>();
  if (check === undefined || quietOf.has(check)) return quieted;
  quietOf.set(check, quieted);
  for (const name of ['pass', 'warn', 'fail']) {
    const original = check[name];
    if (typeof original !== 'function') continue;
    const value = function (this: unknown, options: unknown, ...more: unknown[]): unknown {
      const id = typeof options === 'string' ? options : textOf(normalized(fieldsOf(options))['id']);
      if (quieted.has(id)) return Promise.resolve();
      return (original as (...args: unknown[]) => unknown).call(this, options, ...more);
    };
    Object.defineProperty(check, name, { value, writable: true, configurable: true });
  }
  return quieted;
}

function addWeights(client: ConsulClient): Map<string, Weights> {
  const known = weightsOf.get(client);
  if (known !== undefined) return known;
  const weights = new Map<string, Weights>();
  weightsOf.set(client, weights);
  client._ext?.('onCreate', ({ opts: { name, body } }, next) => {
    const registration = fieldsOf(body) as { ID?: unknown; Name?: unknown; Weights?: Weights };
    const wanted =
      name === 'agent.service.register' ? weights.get(textOf(registration.ID) || textOf(registration.Name)) : undefined;
    if (wanted !== undefined) registration.Weights ??= wanted;
    next();
  });
  return weights;
}

/** Tells when a registration leaves without the weights that it was given. */
export function watchWeights(client: ConsulClient, options: Fields, dropped: () => void): void {
  if (normalized(options)['weights'] === undefined || watched.has(client)) return;
  watched.add(client);
  client._ext?.('onCreate', ({ opts: { name, body } }, next) => {
    if (name === 'agent.service.register' && fieldsOf(body)['Weights'] === undefined) dropped();
    next();
  });
}

/** npm `consul` takes `ID`, `id` and `_id_` alike. */
function normalized(options: Fields): Fields {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replaceAll('_', '').toLowerCase(), value]));
}
