import { giveFile, istioObject, serviceEntry } from './istio-files.ts';
import type { ServiceInstance } from './istio-files.ts';

export interface ShiftingListeners {
  /** The workload's label. */
  readonly app: string;
  /** Always there: an HTTP proxy for all services, and a listener for the port of its own that `orders.mesh` has. */
  readonly proxy: number;
  readonly permanent: number;
  /** Come and go. */
  readonly passing: readonly number[];
}

/** Services that come and go at a time. */
const GUESTS = 6;

/**
 * Istio's files as a busy mesh rewrites them. `orders.mesh` has its first instance always and others sometimes; the routes to
 * `canary.mesh` name other subsets each time; the policy of `payments.mesh` changes; guests come and go, with clusters of their
 * own; so do listeners.
 */
export class ShiftingFiles {
  readonly called = ['orders.mesh', 'canary.mesh', 'payments.mesh'];
  readonly changes = { endpoints: 0, routes: 0, policies: 0, clusters: 0, listeners: 0 };
  readonly #directory: string;
  readonly #instances: readonly ServiceInstance[];
  readonly #listeners: readonly ShiftingListeners[];
  #guests: readonly string[] = [];
  #count = 0;

  constructor(directory: string, instances: readonly ServiceInstance[], listeners: readonly ShiftingListeners[]) {
    this.#directory = directory;
    this.#instances = instances;
    this.#listeners = listeners;
  }

  async giveAll(): Promise<void> {
    await this.#give('canary', [serviceEntry('canary.mesh', this.#instances)]);
    // A Sidecar's listener is there for services that have its port.
    const ports = [80, ...this.#listeners.flatMap(({ passing }) => passing)].map((number) => ({ number }));
    await this.#give('payments', [serviceEntry('payments.mesh', this.#instances, ports)]);
    for (const kind of KINDS) await this.#rewrite(kind);
  }

  /** One file; each kind in turn. */
  async change(): Promise<void> {
    const kind = KINDS[this.#count % KINDS.length] as (typeof KINDS)[number];
    this.changes[kind] += 1;
    await this.#rewrite(kind);
  }

  async #rewrite(kind: (typeof KINDS)[number]): Promise<void> {
    const n = (this.#count += 1);
    switch (kind) {
      case 'endpoints': {
        const ports = [80, ...this.#listeners.map(({ permanent }) => permanent)].map((number) => ({ number }));
        const present = this.#instances.filter((_, at) => at === 0 || ((n >> at) & 1) === 1);
        return this.#give('orders', [serviceEntry('orders.mesh', present, ports)]);
      }
      case 'routes':
        return this.#give('canary-rules', canaryRules(n));
      case 'policies': {
        const trafficPolicy = { connectionPool: { tcp: { connectTimeout: `${1 + (n % 7)}s` } } };
        return this.#give('payments-rule', [
          istioObject('DestinationRule', 'payments', { host: 'payments.mesh', trafficPolicy }),
        ]);
      }
      case 'clusters':
        this.#guests = [...this.#guests, `guest-${n}.mesh`].slice(-GUESTS + (n % 3));
        return this.#give(
          'guests',
          this.#guests.map((host) => serviceEntry(host, this.#instances.slice(n % 3))),
        );
      case 'listeners':
        return this.#give(
          'sidecars',
          this.#listeners.map((each) => sidecar(each, n)),
        );
      default:
        return kind satisfies never;
    }
  }

  #give(name: string, objects: readonly object[]): Promise<void> {
    return giveFile(this.#directory, `${name}.yaml`, objects);
  }
}

const KINDS = ['endpoints', 'routes', 'clusters', 'listeners', 'policies'] as const;

/** Both in one file, as one deployment: the route names only subsets that the DestinationRule has. */
function canaryRules(n: number): readonly object[] {
  const subsets = ['a', 'b', 'c'].map((version) => ({ name: `${version}-${n}`, labels: { version } }));
  const share = (n * 7) % 60;
  return [
    istioObject('DestinationRule', 'canary', { host: 'canary.mesh', subsets }),
    istioObject('VirtualService', 'canary', {
      hosts: ['canary.mesh'],
      http: [
        {
          route: subsets.map(({ name }, at) => ({
            destination: { host: 'canary.mesh', subset: name },
            weight: [share, 60 - share, 40][at],
          })),
        },
      ],
    }),
  ];
}

function sidecar({ app, proxy, permanent, passing }: ShiftingListeners, n: number): object {
  const present = [permanent, ...passing.filter((_, at) => ((n >> at) & 1) === 1)];
  const ports = [
    { number: proxy, protocol: 'HTTP_PROXY', name: 'proxy' },
    ...present.map((number) => ({ number, protocol: 'HTTP', name: `http-${number}` })),
  ];
  return istioObject('Sidecar', app, {
    workloadSelector: { labels: { app } },
    egress: ports.map((port) => ({ port, bind: '127.0.0.1', hosts: ['*/*'] })),
  });
}
