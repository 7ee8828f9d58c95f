import { EDS } from '@isthmus/xds';
import type { XdsEvent } from '@isthmus/xds';
import type { SourceEvent } from '@isthmus/model';
import type { RegistryKind } from '@isthmus/registry';
import { InProcessBridge } from './in-process-bridge.ts';
import { THREAD_OFFSET, monotonic } from './monotonic.ts';
import { News } from './news.ts';
import { starvedMs } from './run-delay.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

/** One change on its way, all times `monotonic()`. */
export interface Sample {
  /** The last byte of the registry's message. */
  readonly message: number;
  /** The new endpoints were given to the socket. */
  readonly written: number;
  /** They were there at a client in another thread. */
  readonly arrived: number;
  /** ms of CPU that the bridge's thread had between message and write: what is missing there, others had. */
  readonly cpu: number;
  /** ms in that time in which it was ready to run and had no CPU. */
  readonly starved: number;
}

interface Moment {
  readonly at: number;
  readonly cpu: number;
  readonly starved: number;
}

interface Journey {
  message?: Moment;
  written?: Moment;
  arrived?: number;
}

/** What is changed: a real registry, or a source in this process. */
export interface ChangeSource {
  readonly entry: object;
  /** Kinds of registries that the bridge knows. Default: its own. */
  readonly kinds?: readonly RegistryKind[];
  cluster(service: number): string;
  /**
   * Changes one instance of each of these services at once.
   * @param said to be called when a source in this process says it; of a real registry the last byte of its message is taken
   */
  change(services: readonly number[], instance: number, said: (service: number) => void): Promise<void>;
}

/** A registry, the bridge and a subscriber, with a clock at three places of every change's way. */
export class ChangeMeter {
  readonly #registry: ChangeSource;
  readonly #bridge: InProcessBridge;
  readonly #client: XdsClient;
  readonly #journeys: Map<string, Journey>;

  private constructor(registry: ChangeSource, bridge: InProcessBridge, client: XdsClient, journeys: Map<string, Journey>) {
    this.#registry = registry;
    this.#bridge = bridge;
    this.#client = client;
    this.#journeys = journeys;
  }

  /**
   * @param settings of the registry's entry in the config, over the defaults
   * @param onStarted the bridge follows its sources
   */
  static async start(
    registry: ChangeSource,
    services: number,
    settings: object,
    onStarted: () => void = () => undefined,
  ): Promise<ChangeMeter> {
    const numbers = Array.from({ length: services }, (_, n) => n);
    const clusterOf = new Map(numbers.map((n) => [`load-${n}`, registry.cluster(n)]));
    const journeys = new Map<string, Journey>();
    const news = new News();
    let lastMessage: Moment = { at: Number.NaN, cpu: Number.NaN, starved: Number.NaN };
    const taps = {
      onMessage: (at: number) => (lastMessage = momentAt(at + THREAD_OFFSET)),
      onEvent: (event: SourceEvent) => {
        const name = news.of(event);
        const journey = name === undefined ? undefined : journeys.get(clusterOf.get(name) ?? '');
        if (journey !== undefined) journey.message ??= lastMessage;
      },
      onXds: (event: XdsEvent) => {
        if (event.kind !== 'pushed' || event.type !== EDS) return;
        const now = momentAt(monotonic());
        // A push is sent in the turn of the loop in which it was made: what it holds is told by its arrival.
        writes.push(now);
      },
    };
    const bridge = await InProcessBridge.start([{ ...registry.entry, ...settings }], taps, registry.kinds);
    const writes: Moment[] = [];
    onStarted();
    await bridge.engine.readiness.ready;
    const client = new XdsClient({ port: bridge.port, transport: 'delta', endpoints: numbers.map((n) => registry.cluster(n)) });
    await waitFor('the client has all endpoints', () => client.endpoints === services, 60_000);
    writes.length = 0;
    client.onArrival(({ at, type, names }) => {
      if (type !== EDS) return;
      const written = writes.shift(); // in the order of the stream
      for (const name of names) {
        const journey = journeys.get(name);
        if (journey === undefined || written === undefined) continue;
        journey.written ??= written;
        journey.arrived ??= at;
      }
    });
    return new ChangeMeter(registry, bridge, client, journeys);
  }

  /** Changes one instance of each of these services at once, and follows them to the client. */
  async change(services: readonly number[], instance: number): Promise<readonly Sample[]> {
    this.#journeys.clear();
    for (const service of services) this.#journeys.set(this.#registry.cluster(service), {});
    const said = (service: number) => {
      const journey = this.#journeys.get(this.#registry.cluster(service));
      if (journey !== undefined) journey.message ??= momentAt(monotonic());
    };
    await this.#registry.change(services, instance, said);
    const done = () => this.#journeys.values().every(({ arrived }) => arrived !== undefined);
    await waitFor(`${services.length} changes at the client`, done, 30_000, 2);
    return [...this.#journeys.values()].map(({ message, written, arrived }) => ({
      message: message?.at ?? Number.NaN,
      written: written?.at ?? Number.NaN,
      arrived: arrived ?? Number.NaN,
      cpu: (written?.cpu ?? Number.NaN) - (message?.cpu ?? Number.NaN),
      starved: (written?.starved ?? Number.NaN) - (message?.starved ?? Number.NaN),
    }));
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#bridge.close();
  }
}

function momentAt(at: number): Moment {
  const { user, system } = process.threadCpuUsage();
  return { at, cpu: (user + system) / 1_000, starved: starvedMs() };
}
