import type { Registration } from '../provider/registration.ts';
import { beatKey, groupedName, nacosName } from './nacos-client.ts';
import type { NacosBeat, NacosClient, NacosInstance, NacosServerProxy } from './nacos-client.ts';
import { tap } from './tap.ts';

/** Nacos collects changes for 500 ms before it pushes; callers that missed a push poll within its `cacheMillis`, at most 10 s. */
const PROPAGATION_MS = 2_000;
/** Nacos takes no weight for 0 that npm `nacos` sends, and the smallest that it shows is this. */
const LEAST_WEIGHT = 0.01;

/** Beats under way, by their beat info: the client itself awaits them nowhere that can be reached. */
const underWay = new WeakMap<object, Promise<unknown>>();

/** Instances as the provider registers them while they warm up: not what the application wants in the end. */
const ours = new WeakSet<object>();

export function isWarmUp(instance: object): boolean {
  return ours.has(instance);
}

export function followBeats(proxy: NacosServerProxy, fault: (error: unknown) => void): void {
  const after = (_: unknown, [beat]: readonly unknown[], result: unknown): void => {
    if (typeof beat === 'object' && beat !== null && result instanceof Object) underWay.set(beat, result as Promise<unknown>);
  };
  tap(proxy, 'sendBeat', { after }, fault);
}

/** An instance in Nacos that the application's npm `nacos` keeps. */
export class NacosRegistration implements Registration {
  readonly id: string;
  readonly sdkName: string;
  readonly propagationMs = PROPAGATION_MS;
  readonly #client: NacosClient;
  readonly #serviceName: string;
  readonly #instance: NacosInstance;
  readonly #groupName: string | undefined;
  #lastBeat: NacosBeat | undefined;

  constructor(client: NacosClient, serviceName: string, instance: NacosInstance, groupName?: string) {
    this.#client = client;
    this.#serviceName = serviceName;
    this.#instance = instance;
    this.#groupName = groupName;
    this.sdkName = nacosName(client, groupedName(serviceName, groupName));
    this.id = `${this.sdkName} ${instance.ip}:${instance.port}`;
  }

  /** With a beat at once: the client's own may come ten seconds later, when the instance is unhealthy already. */
  async register(): Promise<void> {
    await this.#client.registerInstance(this.#serviceName, this.#instance, this.#groupName);
    const beat = this.#beat;
    if (beat !== undefined) await this.#client._beatReactor?._beat(beat);
  }

  async setShare(share: number): Promise<void> {
    const weight = Math.max(LEAST_WEIGHT, (this.#instance.weight ?? 1) * share);
    const instance = { ...this.#instance, weight };
    ours.add(instance);
    await this.#client.registerInstance(this.#serviceName, instance, this.#groupName);
  }

  async stopBeats(): Promise<void> {
    const grouped = groupedName(this.#serviceName, this.#groupName);
    this.#lastBeat = this.#beat ?? this.#lastBeat;
    this.#client._beatReactor?.removeBeatInfo(grouped, this.#instance.ip, this.#instance.port);
    const last = this.#lastBeat;
    if (last?.scheduled === true) await underWay.get(last)?.then(ignore, ignore);
  }

  async deregister(): Promise<void> {
    await this.#client.deregisterInstance(this.#serviceName, this.#instance, this.#groupName);
  }

  get #beat(): NacosBeat | undefined {
    return this.#client._beatReactor?._dom2Beat?.get(beatKey(groupedName(this.#serviceName, this.#groupName), this.#instance));
  }
}

function ignore(): void {
  // However it ended, it is not under way any more.
}
