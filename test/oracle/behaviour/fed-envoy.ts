import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { http, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import { FilesystemXds } from '@isthmus/translate/testing';
import type { Seen } from '@isthmus/translate/testing';
import type { JsonObject, ResourceSet } from '../resource-set.ts';

export interface Call {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Of a listener on 127.0.0.1; default: the explicit egress. */
  readonly port?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** What the instance saw; undefined where Envoy answered itself. */
  readonly seen: Seen | undefined;
  readonly body: string;
}

export interface FedEnvoyOptions {
  /** Of listeners on 127.0.0.1. */
  readonly ports?: readonly number[];
  /** Port of a DNS server on loopback, instead of the machine's. */
  readonly resolver?: number;
}

/** A stock Envoy with the resources of one side, as they are, called through its explicit egress listener. */
export class FedEnvoy implements AsyncDisposable {
  readonly #envoy: EnvoyServer;
  readonly #egress: number;
  readonly #dir: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 10 });

  private constructor(envoy: EnvoyServer, egress: number, dir: string) {
    this.#envoy = envoy;
    this.#egress = egress;
    this.#dir = dir;
  }

  /** @param egress port of the explicit egress listener; of the others only those at `more` are opened */
  static async start(set: ResourceSet, egress: number, more: FedEnvoyOptions = {}): Promise<FedEnvoy> {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-behaviour-'));
    const files = new FilesystemXds(join(dir, 'xds'));
    const listeners = Object.entries(set.listeners).filter(([name]) =>
      [egress, ...(more.ports ?? [])].some((port) => name === `127.0.0.1_${port}`),
    );
    await files.write(
      new Map([
        [CLUSTER_TYPE, resources(ClusterSchema, set.clusters)],
        [ENDPOINT_TYPE, resources(ClusterLoadAssignmentSchema, set.endpoints)],
        [LISTENER_TYPE, resources(ListenerSchema, Object.fromEntries(listeners))],
        [ROUTE_TYPE, resources(RouteConfigurationSchema, set.routes)],
      ]),
    );
    return new FedEnvoy(
      await startEnvoy({ bootstrap: { ...files.bootstrap(), ...resolvingBy(more.resolver) }, readyWhen: 'live' }),
      egress,
      dir,
    );
  }

  call({ host, path = '/', method = 'GET', headers = {}, port = this.#egress }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, method, agent: this.#agent, headers: { ...headers, host } };
      request(options, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            seen: body.startsWith('{') ? (JSON.parse(body) as Seen) : undefined,
          }),
        );
      })
        .on('error', reject)
        .end();
    });
  }

  /** Resources that Envoy refused; each line of its statistics that is not zero. */
  async rejected(): Promise<readonly string[]> {
    const { body } = await http(this.#envoy.ports.admin, '/stats?filter=update_rejected&usedonly');
    return body.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#envoy.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function resolvingBy(port: number | undefined): object {
  if (port === undefined) return {};
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
    resolvers: [{ socket_address: { address: '127.0.0.1', port_value: port } }],
    dns_resolver_options: { no_default_search_domain: true },
  };
  return { typed_dns_resolver_config: { name: 'envoy.network.dns_resolver.cares', typed_config } };
}

function resources(schema: DescMessage, set: Readonly<Record<string, JsonObject>>) {
  return Object.entries(set).map(([name, json]) => {
    const bytes = toBinary(schema, fromJson(schema, json as never, { registry: typeRegistry }));
    return { name, version: '1', bytes };
  });
}
