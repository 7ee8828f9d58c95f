/** Consul, one server agent per datacenter. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface ConsulPorts extends Readonly<Record<string, number>> {
  readonly http: number;
  readonly grpc: number;
  readonly server: number;
  readonly serfLan: number;
  /** What another datacenter's `joinWan` names. */
  readonly serfWan: number;
}

export interface ConsulOptions extends CommonOptions {
  readonly port?: number;
  /** Default `dc1`. */
  readonly datacenter?: string;
  /** `serfWan` ports of servers in other datacenters; then it is ready when it knows them. */
  readonly joinWan?: readonly number[];
  /** ACLs on, everything denied without a token, and this one (a UUID) may do everything. Default: off. */
  readonly managementToken?: string;
  /** More of Consul's configuration, over ours at the top level. */
  readonly extraConfig?: Readonly<Record<string, unknown>>;
  readonly provide?: ProvideOptions;
}

export type ConsulServer = Server<ConsulPorts>;

export async function startConsul(options: ConsulOptions = {}): Promise<ConsulServer> {
  const build = await provide('consul', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.consul;
  if (recipe.kind !== 'go') throw new Error('consul is not built by Go');
  const program = join(build.home, recipe.program);
  return ManagedServer.start<ConsulPorts>({
    name: 'consul',
    version: build.version,
    options,
    fixedPorts: false, // only the HTTP port can be
    allocate: async () => {
      const [first, grpc, server, serfLan, serfWan] = (await freePorts(5)) as [number, number, number, number, number];
      return { http: options.port ?? first, grpc, server, serfLan, serfWan };
    },
    prepare: async (dir, ports) => {
      const file = join(dir, 'consul.json');
      await writeFile(file, JSON.stringify(configFor(dir, ports, options), undefined, 2));
      return { command: [program, 'agent', '-config-file', file] };
    },
    probe: (ports, signal) => isReady(ports.http, options, signal),
    data: ['data'],
    startTimeoutMs: 30_000,
    stopGraceMs: 3_000,
  });
}

function configFor(dir: string, ports: ConsulPorts, options: ConsulOptions): Record<string, unknown> {
  const { datacenter = 'dc1', joinWan = [], managementToken, extraConfig } = options;
  return {
    datacenter,
    node_name: `${datacenter}-server`,
    server: true,
    bootstrap_expect: 1,
    data_dir: join(dir, 'data'),
    client_addr: '127.0.0.1',
    bind_addr: '127.0.0.1',
    advertise_addr: '127.0.0.1',
    ports: {
      http: ports.http,
      dns: -1,
      grpc: ports.grpc,
      grpc_tls: -1,
      server: ports.server,
      serf_lan: ports.serfLan,
      serf_wan: ports.serfWan,
    },
    retry_join_wan: joinWan.map((port) => `127.0.0.1:${port}`),
    retry_interval_wan: '1s',
    log_level: 'warn',
    disable_host_node_id: true, // several agents on one machine would have the same id
    disable_update_check: true,
    enable_script_checks: false,
    performance: { raft_multiplier: 1 }, // a leader within 2 s instead of 10
    // Suites open hundreds of watches from one address; the default is 200.
    limits: { http_max_conns_per_client: 2_000 },
    ...(managementToken === undefined ? {} : { acl: aclFor(managementToken) }),
    ...extraConfig,
  };
}

function aclFor(token: string): Record<string, unknown> {
  return { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } };
}

/** A leader alone is not enough: right after its election the agent is not in the catalog yet, and tokens are not known. */
async function isReady(port: number, { managementToken, joinWan = [] }: ConsulOptions, signal: AbortSignal): Promise<boolean> {
  const headers: Record<string, string> = managementToken === undefined ? {} : { 'x-consul-token': managementToken };
  const leader = await http(port, '/v1/status/leader', { headers, signal });
  if (leader.status !== 200 || leader.body.trim() === '""') return false;
  const self = await http(port, '/v1/health/service/consul?passing', { headers, signal });
  if (self.status !== 200 || (JSON.parse(self.body) as unknown[]).length === 0) return false;
  if (joinWan.length === 0) return true;
  const datacenters = await http(port, '/v1/catalog/datacenters', { headers, signal });
  return datacenters.status === 200 && (JSON.parse(datacenters.body) as unknown[]).length > joinWan.length;
}
