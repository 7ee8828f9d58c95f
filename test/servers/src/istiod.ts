/** istiod, unmodified, without Kubernetes: its configuration comes from MCP-over-xDS sources or from files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ManagedServer, type Launch } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { accepts, http } from './probe.ts';
import { provide, type ProvideOptions } from './provide.ts';
import type { CommonOptions, Server } from './server.ts';
import { servers } from './versions.ts';

export interface IstiodPorts extends Readonly<Record<string, number>> {
  /** xDS in plain text, for Envoys. */
  readonly grpc: number;
  readonly http: number;
  /** `/debug/{configz,endpointz,registryz,…}` without authentication, and `/metrics`. */
  readonly monitoring: number;
}

export interface IstiodOptions extends CommonOptions {
  /** `host:port` of an MCP-over-xDS server in plain text: short for `meshConfig.configSources`. It has to be up: istiod exits otherwise. */
  readonly mcp?: string;
  /** Istio's MeshConfig. Without `configSources` and `mcp` istiod reads an empty directory. */
  readonly meshConfig?: Readonly<Record<string, unknown>>;
  /** Reads `*.yaml` from there in place of `meshConfig.configSources`. 1.27 has a start-up race with it: endpoints may stay empty. */
  readonly configDir?: string;
  /** Of a Kubernetes API server with Istio's CRDs: istiod reads Services there, and `k8s://` in `configSources` works. */
  readonly kubeconfig?: string;
  readonly ports?: Partial<IstiodPorts>;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly provide?: ProvideOptions;
}

export type IstiodServer = Server<IstiodPorts>;

/** Ready in about 0.5 s, once its sources have answered for every type. */
export async function startIstiod(options: IstiodOptions = {}): Promise<IstiodServer> {
  const build = await provide('istiod', {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...options.provide,
  });
  const { recipe } = servers.istiod;
  if (recipe.kind !== 'go') throw new Error('istiod is not built by Go');
  const program = join(build.home, recipe.program);
  return ManagedServer.start<IstiodPorts>({
    name: 'istiod',
    version: build.version,
    options,
    fixedPorts: false,
    allocate: async () => {
      const [grpc, plain, monitoring] = (await freePorts(3)) as [number, number, number];
      return { grpc, http: plain, monitoring, ...options.ports };
    },
    prepare: (dir, ports) => prepare(program, dir, ports, options),
    // `/ready` stays 503 without Kubernetes; the gRPC port opens when all sources are synced.
    probe: async (ports, signal) =>
      (await accepts(ports.grpc)) && (await http(ports.monitoring, '/version', { signal })).status === 200,
    data: [],
    startTimeoutMs: 60_000,
    stopGraceMs: 3_000,
  });
}

async function prepare(program: string, dir: string, ports: IstiodPorts, options: IstiodOptions): Promise<Launch> {
  const mesh = join(dir, 'mesh.yaml');
  const sources = options.mcp === undefined ? {} : { configSources: [{ address: `xds://${options.mcp}` }] };
  const meshConfig = { ...sources, ...options.meshConfig };
  await writeFile(mesh, stringify(meshConfig));
  const files = join(dir, 'config');
  await mkdir(files, { recursive: true });
  const hasSource = 'configSources' in meshConfig || options.kubeconfig !== undefined;
  const configDir = options.configDir ?? (hasSource ? undefined : files);
  return {
    command: [
      program,
      'discovery',
      ...(options.kubeconfig === undefined
        ? ['--registries=']
        : ['--registries=Kubernetes', `--kubeconfig=${options.kubeconfig}`]),
      `--meshConfig=${mesh}`,
      `--networksConfig=${join(dir, 'no-networks.yaml')}`,
      ...(configDir === undefined ? [] : [`--configDir=${configDir}`]),
      `--httpAddr=127.0.0.1:${ports.http}`,
      '--httpsAddr=',
      `--grpcAddr=127.0.0.1:${ports.grpc}`,
      '--secureGRPCAddr=',
      `--monitoringAddr=127.0.0.1:${ports.monitoring}`,
      '--ctrlz_port=0',
      '--clusterID=Kubernetes',
      '--shutdownDuration=1s',
      ...(options.flags ?? []),
    ],
    env: {
      ENABLE_CA_SERVER: 'false',
      PILOT_CERT_PROVIDER: 'none',
      POD_NAMESPACE: 'istio-system',
      POD_NAME: 'istiod-test',
      INJECTION_WEBHOOK_CONFIG_NAME: '',
      VALIDATION_WEBHOOK_CONFIG_NAME: '',
      ...(options.kubeconfig === undefined ? {} : { PILOT_ENABLE_GATEWAY_API: 'false' }), // its CRDs are not Istio's
      ...options.env,
    },
  };
}
