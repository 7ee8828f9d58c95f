import { startEnvoy } from '@isthmus/servers';
import type { EnvoyOptions, EnvoyServer } from '@isthmus/servers';

interface SidecarOptions extends Pick<EnvoyOptions<'egress'>, 'version' | 'ports'> {
  /** Where it runs. */
  readonly locality?: { readonly region: string; readonly zone: string };
}

/** An Envoy beside a caller: the bootstrap of docs/attach-envoy.md, with an egress port of its own. */
export function startSidecar(
  xdsPort: number,
  api: 'GRPC' | 'DELTA_GRPC',
  name = 'web',
  more: Readonly<Record<string, unknown>> = {},
  { locality, ...options }: SidecarOptions = {},
): Promise<EnvoyServer<'egress'>> {
  return startEnvoy({
    ...options,
    portNames: ['egress'],
    readyWhen: 'live',
    bootstrap: ({ egress }) => ({
      node: {
        id: `sidecar~127.0.0.1~${name}.default~default.svc.cluster.local`,
        cluster: name,
        ...(locality !== undefined && { locality }),
        metadata: { HTTP_PROXY_PORT: String(egress), ...more },
      },
      dynamic_resources: {
        ads_config: {
          api_type: api,
          transport_api_version: 'V3',
          set_node_on_first_message_only: true,
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        },
        cds_config: { ads: {}, resource_api_version: 'V3' },
        lds_config: { ads: {}, resource_api_version: 'V3' },
      },
      static_resources: { clusters: [http2Cluster('xds', xdsPort)] },
    }),
  });
}

export function http2Cluster(name: string, port: number): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] }],
    },
  };
}

/** `host address:port` lines of Envoy's `/clusters` for one cluster. */
export async function hostsOf(envoy: EnvoyServer<'egress'>, cluster: string): Promise<readonly string[]> {
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/clusters`)).text();
  const addresses = text.split('\n').flatMap((line) => {
    const [name, address, field] = line.split('::');
    return name === cluster && address !== undefined && field?.startsWith('cx_active') === true ? [address] : [];
  });
  return addresses.sort();
}

/** What `/clusters` says of each host of a cluster, `address:port`: its fields by name. */
export async function clusterHosts(
  envoy: EnvoyServer<'egress'>,
  cluster: string,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/clusters`)).text();
  const hosts = new Map<string, Map<string, string>>();
  for (const line of text.split('\n')) {
    const [name, host = '', field, value] = line.split('::');
    if (name !== cluster || field === undefined || value === undefined || !host.includes(':')) continue;
    const fields = hosts.get(host) ?? new Map<string, string>();
    hosts.set(host, fields.set(field, value));
  }
  return hosts;
}

/** Connections that Envoy has to one host, `address:port`, of a cluster. */
export async function connectionsTo(envoy: EnvoyServer<'egress'>, cluster: string, host: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/clusters`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${cluster}::${host}::cx_active::`));
  return Number(line?.split('::').at(-1) ?? Number.NaN);
}

/** A counter or gauge of Envoy. */
export async function statOf(envoy: EnvoyServer<'egress'>, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/stats?filter=^${name.replaceAll('.', '\\.')}$`)).text();
  return Number(/: (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

/** Updates that Envoy rejected, by the name of the counter; none: nothing was. @throws {Error} when it subscribes to nothing */
export async function rejectedOf(envoy: EnvoyServer): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/stats?filter=update_rejected$`)).text();
  const counters = text.split('\n').flatMap((line) => {
    const [name, count] = line.split(': ');
    return name === undefined || count === undefined ? [] : [[name, Number(count)] as const];
  });
  if (counters.length < 2) throw new Error(`Envoy has no counters of updates:\n${text}`);
  return Object.fromEntries(counters.filter(([, count]) => count > 0));
}

/** All counters and gauges whose names match, added up. */
export async function sumOfStats(envoy: EnvoyServer, pattern: string): Promise<number> {
  const query = new URLSearchParams({ filter: pattern });
  const text = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/stats?${query}`)).text();
  return [...text.matchAll(/: (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
}
