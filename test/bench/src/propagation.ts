import { setTimeout as pause } from 'node:timers/promises';
import { startIstiod } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { BridgeProcess } from '../../e2e/support/bridge.ts';
import { startSidecar } from '../../e2e/support/envoy.ts';
import { startRegistry } from './bench-registry.ts';
import type { BenchRegistry } from './bench-registry.ts';
import { BESIDE } from './cpu-share.ts';
import { monotonic } from './monotonic.ts';
import type { Scenario } from './scenario.ts';
import { SdkClient } from './sdk-client.ts';
import { figure, largest, median } from './statistics.ts';
import { waitFor } from './wait.ts';

const SERVICES = 24;
const INSTANCES = 3;
const LOOK_EVERY_MS = 5;
const DEADLINE_MS = 90_000;

const PLACES = ['ours', 'istiod', 'sdk'] as const;
type Place = (typeof PLACES)[number];

/** How long callers go on calling an instance that has left. */
export const propagation: Scenario = {
  name: 'propagation',
  title: 'From deregister at the registry to a caller that knows it',
  async run(log) {
    const measured: Measured[] = [];
    for (const name of ['nacos', 'consul', 'eureka'] as const) {
      const registry = await startRegistry(name, { services: SERVICES, instances: INSTANCES, heapMb: 256 });
      try {
        measured.push(await measure(registry, log));
      } finally {
        await registry.stop();
      }
    }
    return {
      about: [
        `${SERVICES} services × ${INSTANCES} instances; of each one instance is deregistered, one after the other at random moments, and`,
        'each is watched at three places at the same time: an Envoy fed by the built bridge (its `/clusters`), an Envoy fed by an',
        'unmodified istiod that has the same bridge as its MCP source, and the registry’s own npm client (nacos, consul, eureka-js-client)',
        `with its default timing. Time zero is before the call to the registry; places are looked at every ${LOOK_EVERY_MS} ms. The bridge has`,
        'its defaults too: Eureka is polled every 5 s (by its own client every 30 s), Nacos 2 holds a push back for 0.5 s itself.',
        BESIDE,
      ].join('\n'),
      tables: [
        {
          title: 'ms until the instance is gone',
          columns: ['registry', 'samples', ...PLACES.flatMap((place) => [`${NAMES[place]}: median`, 'longest'])],
          rows: measured.map(({ name, samples }) => [
            name,
            String(samples.length),
            ...PLACES.flatMap((place) => [figure(median(times(samples, place))), figure(largest(times(samples, place)))]),
          ]),
        },
        {
          title: 'Medians, as multiples of ours',
          columns: ['registry', NAMES.istiod, NAMES.sdk],
          rows: measured.map(({ name, samples }) => [
            name,
            ...(['istiod', 'sdk'] as const).map((place) =>
              figure(median(times(samples, place)) / median(times(samples, 'ours'))),
            ),
          ]),
        },
      ],
      targets: [],
    };
  },
};

const NAMES: Readonly<Record<Place, string>> = { ours: 'bridge → Envoy', istiod: 'bridge → istiod → Envoy', sdk: 'SDK client' };

type Sample = Partial<Record<Place, number>>;

interface Measured {
  readonly name: string;
  readonly samples: readonly Sample[];
}

function times(samples: readonly Sample[], place: Place): readonly number[] {
  return samples.flatMap((sample) => sample[place] ?? []);
}

async function measure(registry: BenchRegistry, log: (line: string) => void): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const bridge = stack.adopt(await BridgeProcess.start([registry.entry]), (b) => b.close());
  const istiod = stack.use(
    await startIstiod({
      // A stock Envoy has none of Istio's filters and certificates (docs/facts.md).
      env: { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' },
      meshConfig: {
        enableAutoMtls: false,
        defaultProviders: { metrics: [] },
        configSources: [{ address: `xds://127.0.0.1:${bridge.ports.mcp}` }],
      },
    }),
  );
  const direct = stack.use(await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'direct'));
  const behind = stack.use(await startSidecar(istiod.ports.grpc, 'GRPC', 'behind', { INTERCEPTION_MODE: 'NONE' }));
  const sdk = stack.adopt(new SdkClient(registry, SERVICES), (client) => client.close());
  const views = { ours: new EnvoyView(direct), istiod: new EnvoyView(behind), sdk: new SdkView(sdk) };
  const numbers = Array.from({ length: SERVICES }, (_, n) => n);
  const all = () => numbers.every((n) => PLACES.every((place) => views[place].goneAt(registry, n, 0) === undefined));

  const over = new AbortController();
  const looking = [look(views.ours, over.signal), look(views.istiod, over.signal)];
  try {
    await waitFor('all instances at all three places', all, DEADLINE_MS);
    log(`${registry.name}: all instances are everywhere, ${SERVICES} leave`);
    const samples = await Promise.all(
      numbers.map(async (n) => {
        await pause(n * 1_300 + Math.random() * 1_000);
        return leave(registry, n, views);
      }),
    );
    return { name: registry.name, samples };
  } finally {
    over.abort();
    await Promise.all(looking);
  }
}

async function leave(registry: BenchRegistry, service: number, views: Readonly<Record<Place, View>>): Promise<Sample> {
  const sample: Sample = {};
  const start = monotonic();
  await registry.deregister(service, 0);
  const seen = () => {
    for (const place of PLACES) {
      const at = views[place].goneAt(registry, service, 0);
      if (at !== undefined) sample[place] ??= at - start;
    }
    return PLACES.every((place) => sample[place] !== undefined);
  };
  await waitFor(`the instance of load-${service} is gone everywhere`, seen, DEADLINE_MS, LOOK_EVERY_MS);
  return sample;
}

interface View {
  /** When it was known first that the instance is gone, `monotonic()`; undefined while it is there. */
  goneAt(registry: BenchRegistry, service: number, instance: number): number | undefined;
}

class SdkView implements View {
  readonly #sdk: SdkClient;

  constructor(sdk: SdkClient) {
    this.#sdk = sdk;
  }

  goneAt(registry: BenchRegistry, service: number, instance: number): number | undefined {
    const news = this.#sdk.lastOf(service);
    if (news === undefined) return Number.NEGATIVE_INFINITY; // not asked yet
    return news.instances.includes(registry.address(service, instance)) ? undefined : news.at;
  }
}

class EnvoyView implements View {
  readonly #admin: number;
  #hosts = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(envoy: EnvoyServer<'egress'>) {
    this.#admin = envoy.ports.admin;
  }

  async look(): Promise<void> {
    const text = await (await fetch(`http://127.0.0.1:${this.#admin}/clusters`)).text();
    this.#lookedAt = monotonic();
    this.#hosts = new Set(
      text.split('\n').flatMap((line) => {
        const [cluster, address, field] = line.split('::');
        return field === 'cx_active' ? [`${cluster} ${address}`] : [];
      }),
    );
  }

  goneAt(registry: BenchRegistry, service: number, instance: number): number | undefined {
    return this.#hosts.has(`${registry.cluster(service)} ${registry.address(service, instance)}`) ? undefined : this.#lookedAt;
  }
}

async function look(view: EnvoyView, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await view.look();
    await pause(LOOK_EVERY_MS);
  }
}
