import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import type { TypeUrl } from '@isthmus/model';
import type { XdsServerOptions } from '../server-options.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import type { ResourceChange } from '../snapshot-store.ts';
import { PUSH_ORDER } from '../type-urls.ts';
import { adsServer } from '../xds-server.ts';
import type { XdsEvent } from '../xds-event.ts';
import type { XdsServer } from '../xds-server.ts';

/** Of the lines around the first call of a `load` that failed: this many before it, and as many after it. */
const MOST_SAID = 40;
const FAILED = 'call failed:';
const time = (): string => new Date().toISOString().slice(14, 23);

export type ApiType = 'GRPC' | 'DELTA_GRPC';

export interface EnvoySetup {
  readonly version?: string;
  readonly apiType: ApiType;
  /** Each type over a stream of its own instead of ADS. */
  readonly apart?: boolean;
  readonly secure?: { readonly tls: object; readonly token: string };
  /** Asks for no clusters and listeners by itself. */
  readonly onDemand?: boolean;
  /** Merged into the bootstrap. */
  readonly bootstrap?: (bench: RealEnvoy, configSource: object) => Record<string, unknown>;
  readonly readyWhen?: 'admin' | 'live';
}

/** An Envoy of some version below our server, two upstreams, and a caller. */
export class RealEnvoy {
  /** What the servers and Envoy said to each other, a line for each message, and calls of `load` that failed. */
  readonly #said: string[] = [];
  store = new SnapshotStore(PUSH_ORDER);
  /** Where the listener of the tests is. */
  readonly egress: number;
  /** Of the upstreams `one` and `two`. */
  readonly ports: readonly [number, number];
  readonly #upstreams: readonly Server[];
  ads!: XdsServer;
  envoy!: EnvoyServer;
  #loading = false;

  private constructor(egress: number, upstreams: readonly Server[]) {
    this.egress = egress;
    this.#upstreams = upstreams;
    const [one, two] = upstreams.map((server) => (server.address() as AddressInfo).port);
    this.ports = [one!, two!];
  }

  static async make(): Promise<RealEnvoy> {
    const upstreams = await Promise.all(['one', 'two'].map(upstream));
    const [egress] = await freePorts(1);
    return new RealEnvoy(egress!, upstreams);
  }

  /** A grace of 100 ms, so that tests see the end of retirement. */
  async listen(port = 0, more: Partial<XdsServerOptions> = {}): Promise<number> {
    const provider = { viewFor: () => this.store };
    const retirement = { grace: 100, most: 60_000 };
    this.ads = adsServer({ host: '127.0.0.1', port, provider, retirement, onEvent: (event) => this.#note(event), ...more });
    return this.ads.listen();
  }

  /** A server that was killed and knows nothing of what it served. */
  async restart(changes: Iterable<ResourceChange>, more: Partial<XdsServerOptions> = {}): Promise<void> {
    const port = this.ads.port!;
    await this.ads.close();
    this.store = new SnapshotStore(PUSH_ORDER);
    this.store.commit(changes);
    await this.listen(port, more);
  }

  async connect(setup: EnvoySetup): Promise<void> {
    const port = this.ads.port!;
    const grpcServices = [
      {
        envoy_grpc: { cluster_name: 'xds' },
        ...(setup.secure === undefined
          ? {}
          : { initial_metadata: [{ key: 'authorization', value: `Bearer ${setup.secure.token}` }] }),
      },
    ];
    const api = {
      api_type: setup.apiType,
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: grpcServices,
    };
    const source =
      setup.apart === true ? { api_config_source: api, resource_api_version: 'V3' } : { ads: {}, resource_api_version: 'V3' };
    this.envoy = await startEnvoy({
      ...(setup.version === undefined ? {} : { version: setup.version }),
      readyWhen: setup.readyWhen ?? (setup.secure === undefined ? 'live' : 'admin'),
      bootstrap: {
        node: { id: 'web', cluster: 'shop', metadata: { NAMESPACE: 'shop' } },
        dynamic_resources: {
          ...(setup.apart === true ? {} : { ads_config: api }),
          ...(setup.onDemand === true ? {} : { cds_config: source, lds_config: source }),
        },
        static_resources: { clusters: [this.xdsCluster(port, setup.secure?.tls)] },
        ...setup.bootstrap?.(this, source),
      },
    });
  }

  /** How an Envoy finds our server. */
  xdsCluster(port: number, tls?: object): object {
    return {
      name: 'xds',
      type: 'STATIC',
      ...(tls === undefined ? {} : { transport_socket: tls }),
      connect_timeout: '1s',
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
      load_assignment: {
        cluster_name: 'xds',
        endpoints: [
          { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
        ],
      },
    };
  }

  async stop(): Promise<void> {
    this.#loading = false;
    await this.envoy?.stop();
    await this.ads?.close();
    for (const server of this.#upstreams) server.closeAllConnections();
    await Promise.all(this.#upstreams.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** What a caller gets: the upstream's name, or the status. */
  async call(host: string, path = '/', headers: Record<string, string> = {}): Promise<string> {
    return (await this.#ask(host, path, headers)).answer;
  }

  /** What was said around the first call of `load` that failed: it fails once in many runs, and that run is to explain it. */
  firstFailure(): string {
    const at = this.#said.findIndex((line) => line.includes(FAILED));
    return at < 0 ? '' : `${this.#said.slice(Math.max(0, at - MOST_SAID), at + MOST_SAID).join('\n')}\n`;
  }

  /** `why`: what Envoy wrote instead: `no healthy upstream` for its flag UH, nothing for NC, `upstream connect error …` for UF and UC. */
  async #ask(host: string, path = '/', headers: Record<string, string> = {}): Promise<{ answer: string; why?: string }> {
    try {
      const { status, body } = await http(this.egress, path, { headers: { host, ...headers } });
      return status === 200 ? { answer: body } : { answer: String(status), why: body === '' ? 'without a word' : body };
    } catch (error) {
      return { answer: String(error), why: '' };
    }
  }

  #note(event: XdsEvent): void {
    const type = 'type' in event ? event.type.slice(event.type.lastIndexOf('.') + 1) : '';
    const more = event.kind === 'pushed' ? `${event.bytes} bytes` : event.kind === 'acked' ? `after ${event.ms} ms` : '';
    this.#said.push([time(), event.kind, type, more].filter((word) => word !== '').join(' '));
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, deadline = 15_000): Promise<void> {
    const end = Date.now() + deadline;
    while (!(await condition())) {
      await new Promise((resolve) => setTimeout(resolve, 5)); // a turn of the loop, for who is waited for
      if (Date.now() > end)
        throw new Error(`${what}: not within ${deadline} ms; clients ${JSON.stringify(this.ads.clients())}\n${this.envoy.log()}`);
    }
  }

  async stats(filter: string): Promise<Record<string, number>> {
    const { body } = await http(this.envoy.ports.admin, `/stats?format=json&filter=${encodeURIComponent(filter)}`);
    const { stats } = JSON.parse(body) as { stats: { name?: string; value?: number }[] };
    return Object.fromEntries(stats.flatMap(({ name, value }) => (name === undefined ? [] : [[name, value ?? 0]])));
  }

  async admin(path: string): Promise<string> {
    return (await http(this.envoy.ports.admin, path)).body;
  }

  acked(type: TypeUrl): boolean {
    return this.ads
      .clients()
      .some(({ types }) => types.some((one) => one.type === type && one.acked === this.store.version(type)));
  }

  /** Calls without a pause until it is told to stop; then tells how often it got what. */
  load(host: string): { stop(): Promise<Record<string, number>>; readonly answers: Record<string, number> } {
    const answers: Record<string, number> = {};
    this.#loading = true;
    const loop = (async () => {
      while (this.#loading) {
        const { answer, why } = await this.#ask(host);
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (why !== undefined) this.#said.push(`${time()} ${FAILED} ${answer} ${why}`);
      }
    })();
    return {
      answers,
      stop: async () => {
        this.#loading = false;
        await loop;
        return answers;
      },
    };
  }
}

export const sum = (values: Record<string, number>): number => Object.values(values).reduce((a, b) => a + b, 0);

function upstream(name: string): Promise<Server> {
  const server = createServer((_, response) => response.end(name));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
