import { isNativeError } from 'node:util/types';
import CircuitBreaker from 'opossum';
import { isHop, type Hop, type LabPath } from '../../hop.ts';
import type { Discovery } from './discovery.ts';
import { get, type HttpCall } from './http-call.ts';
import { WeightedBalancer } from './weighted-balancer.ts';

export interface TargetOptions {
  readonly service: string;
  /** Path and query of the call. */
  readonly path: string;
  /** Where its instances are found; left out for a caller that has no registry. */
  readonly discovery?: Discovery;
  /** What the mesh calls it. */
  readonly meshHost: string;
  readonly egress: { readonly host: string; readonly port: number };
}

const timeoutMs = 2_000;

/** A service that this one calls: with discovery, balancing and breaker in process (`sdk`), or by name through Envoy (`mesh`). */
export class Target {
  readonly #options: TargetOptions;
  readonly #balancer = new WeightedBalancer();
  readonly #breakers: Readonly<Record<LabPath, CircuitBreaker<[HttpCall], Hop>>>;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.#breakers = { sdk: breaker(`${options.service} (sdk)`), mesh: breaker(`${options.service} (mesh)`) };
  }

  /** Never rejects: what fails is a hop with its reason. */
  async call(path: LabPath): Promise<Hop> {
    const { service } = this.#options;
    const address = path === 'sdk' ? this.#byRegistry() : this.#byEnvoy();
    if (address === undefined) return { service, path, unavailable: 'not registered yet', pending: true };
    try {
      return await this.#breakers[path].fire(address);
    } catch (error) {
      if (error instanceof NoRoute) return { service, path, unavailable: `not registered yet: ${error.message}`, pending: true };
      return { service, path, unavailable: reasonOf(error, address), pending: false };
    }
  }

  #byRegistry(): HttpCall | undefined {
    const { discovery, service, path } = this.#options;
    const picked = this.#balancer.pick(discovery?.instances(service) ?? []);
    if (picked === undefined) return undefined;
    return { host: picked.host, port: picked.port, path, headers: { 'x-lab-path': 'sdk' }, timeoutMs };
  }

  #byEnvoy(): HttpCall {
    const { egress, meshHost, path } = this.#options;
    return { ...egress, path, authority: meshHost, headers: { 'x-lab-path': 'mesh' }, timeoutMs };
  }
}

/** Envoy answered by itself that it does not know the host. */
class NoRoute extends Error {}

function breaker(name: string): CircuitBreaker<[HttpCall], Hop> {
  return new CircuitBreaker(callForHop, {
    name,
    timeout: timeoutMs + 500,
    errorThresholdPercentage: 50,
    volumeThreshold: 10,
    resetTimeout: 3_000,
    rollingPercentilesEnabled: false,
    // Nothing is wrong with a service that is not there yet.
    errorFilter: (error: unknown) => error instanceof NoRoute,
  });
}

async function callForHop(call: HttpCall): Promise<Hop> {
  const { status, text } = await get(call);
  const hop = parse(text);
  if (status === 200 && hop !== undefined) return hop;
  const byEnvoy = call.authority !== undefined;
  if (byEnvoy && hop === undefined && saysNoRoute(status, text))
    throw new NoRoute(`Envoy has no route for ${call.authority} (${status})`);
  throw new Error(
    `${byEnvoy ? 'Envoy' : `${call.host}:${call.port}`} answered ${status}: ${text.slice(0, 120).trim() || '(no text)'}`,
  );
}

/** Envoy without a matching route answers 404; the bridge's egress listener has a last route that answers 502 with this text. */
function saysNoRoute(status: number, text: string): boolean {
  return status === 404 || (status === 502 && text.startsWith('no service of the mesh has this Host'));
}

function parse(text: string): Hop | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isHop(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, { host, port }: HttpCall): string {
  if (!isNativeError(error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EOPENBREAKER') return 'breaker open after too many errors';
  return code === undefined || error.message !== '' ? error.message : `${code} ${host}:${port}`;
}
