/** A real Kubernetes API server on a real etcd. No kubelet, no controllers: what they write, tests write through the API. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { startEtcd, type EtcdPorts } from './etcd.ts';
import { callApi, type ApiAnswer, type ApiCall } from './kubernetes-api.ts';
import { makePki, writeKubeconfig, type KubernetesUsers, type Pki } from './kubernetes-pki.ts';
import { ManagedServer } from './managed-server.ts';
import { freePorts } from './ports.ts';
import { provide, type ProvideOptions } from './provide.ts';
import { requireTools } from './toolchain.ts';
import type { CommonOptions, RestartOptions, Server, StopOptions } from './server.ts';
import { servers } from './versions.ts';

export interface KubernetesPorts extends Readonly<Record<string, number>> {
  readonly https: number;
  readonly etcd: number;
}

export interface KubernetesOptions extends CommonOptions {
  /** Users beside `admin`, with their groups; they may do nothing until `grant`. Default: `reader`, in no group. */
  readonly users?: KubernetesUsers;
  /** Install Istio's CustomResourceDefinitions and wait until they are served; default false. */
  readonly istioCrds?: boolean;
  /** As any cluster has it: the ServiceAccount that a Pod names must exist, and its token becomes a volume of the Pod; default false. */
  readonly admitsAccounts?: boolean;
  /** More flags for kube-apiserver. */
  readonly flags?: readonly string[];
  readonly provide?: ProvideOptions;
}

/** A rule of a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface KubernetesServer extends Server<KubernetesPorts> {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  readonly caFile: string;
  /** Path of the administrator's. */
  readonly kubeconfig: string;
  /** By user name. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Writes one for a user of `users`, or with any other token. Returns its path. */
  kubeconfigFor(user: string | { readonly token: string }): Promise<string>;
  /** As the administrator. Never throws for a status. */
  call(call: ApiCall): Promise<ApiAnswer>;
  /** Like `call`. @throws Error with the API server's message unless the status is 2xx. */
  must(call: ApiCall): Promise<unknown>;
  /** What a user may do in the whole cluster from now on; replaces what was granted before. */
  grant(user: string, rules: readonly Rule[]): Promise<void>;
  /** etcd, for outages of its own. */
  readonly etcd: Server<EtcdPorts>;
}

/** Ready in 3 to 6 s; 350 MB. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesServer> {
  await requireTools(['openssl'], 'kubernetes');
  const fetching = { ...(options.signal === undefined ? {} : { signal: options.signal }), ...options.provide };
  const [build, crds] = [await provide('kubernetes', fetching), options.istioCrds ? await istioCrds(fetching) : []];
  const { recipe } = servers.kubernetes;
  if (recipe.kind !== 'go') throw new Error('kubernetes is not built by Go');
  const program = join(build.home, recipe.program);
  const { dir, ...others } = options;
  const etcd = await startEtcd({ ...others, ...(dir === undefined ? {} : { dir: join(dir, 'etcd') }) });
  try {
    let pki: Pki | undefined;
    const api = await ManagedServer.start<KubernetesPorts>({
      name: 'kubernetes',
      version: build.version,
      options,
      fixedPorts: false,
      allocate: async () => ({ https: (await freePorts(1))[0]!, etcd: etcd.ports.client }),
      prepare: async (home, ports) => {
        // A restart keeps tokens and certificates: clients have them.
        if (pki === undefined || !pki.dir.startsWith(home))
          pki = await makePki(join(home, 'pki'), options.users ?? { reader: [] });
        return { command: [program, ...flagsFor(pki.dir, ports, options)], env: COLLECTS_SELDOM };
      },
      probe: async (ports, signal) => pki !== undefined && isReady(ports.https, pki, signal),
      furnish: async (ports) => pki && install(ports.https, pki, crds),
      data: [],
      startTimeoutMs: 60_000,
      stopGraceMs: 4_000, // it takes 1 to 7 s by itself; its data is etcd's
      leavesNothing: true,
    });
    if (pki === undefined) throw new Error('the API server started without certificates');
    return new Cluster(api, etcd, pki, await kubeconfigIn(api, pki, 'admin', pki.tokens['admin'] ?? ''));
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

function flagsFor(pki: string, ports: KubernetesPorts, options: KubernetesOptions): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${ports.https}`,
    `--tls-cert-file=${join(pki, 'server.crt')}`,
    `--tls-private-key-file=${join(pki, 'server.key')}`,
    `--client-ca-file=${join(pki, 'ca.crt')}`,
    `--token-auth-file=${join(pki, 'tokens.csv')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(pki, 'accounts.pub')}`,
    `--service-account-signing-key-file=${join(pki, 'accounts.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112', // dual stack
    '--authorization-mode=RBAC',
    ...(options.admitsAccounts === true ? [] : ['--disable-admission-plugins=ServiceAccount']), // nobody makes the accounts that Pods name
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    ...(options.flags ?? []),
  ];
}

/** `/readyz` is true before the first namespaces exist. */
async function isReady(port: number, pki: Pki, signal: AbortSignal): Promise<boolean> {
  const ask = (path: string) => callApi(port, pki.caFile, pki.tokens['admin'] ?? '', { path, signal });
  return (await ask('/readyz')).status === 200 && (await ask('/api/v1/namespaces/default')).status === 200;
}

/** Go's collector takes a fifth of its CPU while Istio's CRDs are installed; it lives for a minute. */
const COLLECTS_SELDOM = { GOGC: '400' };

async function istioCrds(options: ProvideOptions): Promise<readonly unknown[]> {
  const { home } = await provide('istio-crds', options);
  const text = await readFile(join(home, 'customresourcedefinitions.gen.yaml'), 'utf8');
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter((value) => value !== null);
}

async function install(port: number, pki: Pki, crds: readonly unknown[]): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const ask = (call: ApiCall) => callApi(port, pki.caFile, pki.tokens['admin'] ?? '', call);
  for (const body of crds) {
    const { status, body: answer } = await ask({ method: 'POST', path, body });
    if (status !== 201 && status !== 409) throw new Error(`a CRD was refused: ${JSON.stringify(answer)}`);
  }
  for (const crd of crds) await untilServed(ask, crd as Crd);
}

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}

/** `Established` comes before the resource is served; the first list tells. */
async function untilServed(ask: (call: ApiCall) => Promise<ApiAnswer>, { spec }: Crd): Promise<void> {
  const path = `/apis/${spec.group}/${spec.versions[0]?.name}/${spec.names.plural}?limit=1`;
  const deadline = Date.now() + 20_000;
  while ((await ask({ path })).status !== 200) {
    if (Date.now() > deadline) throw new Error(`${spec.names.plural}.${spec.group} was not served within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function kubeconfigIn(api: Server<KubernetesPorts>, pki: Pki, name: string, token: string): Promise<string> {
  return writeKubeconfig(join(api.dir, `kubeconfig-${name}`), `https://127.0.0.1:${api.ports.https}`, pki.caFile, token);
}

/** Both processes as one server. */
class Cluster implements KubernetesServer {
  readonly name = 'kubernetes';
  readonly version: string;
  readonly ports: KubernetesPorts;
  readonly dir: string;
  readonly url: string;
  readonly caFile: string;
  readonly kubeconfig: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly etcd: Server<EtcdPorts>;
  readonly #api: Server<KubernetesPorts>;
  readonly #pki: Pki;
  #others = 0;

  constructor(api: Server<KubernetesPorts>, etcd: Server<EtcdPorts>, pki: Pki, kubeconfig: string) {
    this.#api = api;
    this.#pki = pki;
    this.etcd = etcd;
    this.version = api.version;
    this.ports = api.ports;
    this.dir = api.dir;
    this.url = `https://127.0.0.1:${api.ports.https}`;
    this.caFile = pki.caFile;
    this.kubeconfig = kubeconfig;
    this.tokens = pki.tokens;
  }

  get pid(): number | undefined {
    return this.#api.pid;
  }

  get ready(): Promise<void> {
    return this.#api.ready;
  }

  log(lines?: number): string {
    return this.#api.log(lines);
  }

  async kubeconfigFor(user: string | { readonly token: string }): Promise<string> {
    if (typeof user !== 'string') return kubeconfigIn(this.#api, this.#pki, `other-${(this.#others += 1)}`, user.token);
    const token = this.tokens[user];
    if (token === undefined) throw new Error(`no user ${user}; there are ${Object.keys(this.tokens).join(', ')}`);
    return kubeconfigIn(this.#api, this.#pki, user, token);
  }

  call(call: ApiCall): Promise<ApiAnswer> {
    return callApi(this.ports.https, this.caFile, this.tokens['admin'] ?? '', call);
  }

  async must(call: ApiCall): Promise<unknown> {
    const { status, body } = await this.call(call);
    if (status >= 200 && status < 300) return body;
    const said = typeof body === 'string' ? body : ((body as { message?: string }).message ?? JSON.stringify(body));
    throw new Error(`${call.method ?? 'GET'} ${call.path}: ${status} ${said}`);
  }

  async grant(user: string, rules: readonly Rule[]): Promise<void> {
    const base = '/apis/rbac.authorization.k8s.io/v1';
    const name = `granted-${user}`;
    const apply = { method: 'PATCH', contentType: 'application/apply-patch+yaml' } as const;
    const query = '?fieldManager=test&force=true';
    const metadata = { name };
    await this.must({
      ...apply,
      path: `${base}/clusterroles/${name}${query}`,
      body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules },
    });
    await this.must({
      ...apply,
      path: `${base}/clusterrolebindings/${name}${query}`,
      body: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
      },
    });
  }

  async stop(options?: StopOptions): Promise<void> {
    await this.#api.stop(options);
    await this.etcd.stop(options);
  }

  async kill(): Promise<void> {
    await Promise.all([this.#api.kill(), this.etcd.kill()]);
  }

  /** Without its data every resourceVersion starts again from 1, and grants and objects are gone; Istio's CRDs are installed again. */
  async restart(options: RestartOptions = {}): Promise<void> {
    if (options.keepData === false || this.etcd.pid === undefined) {
      await this.#api.kill(); // it would wait for its etcd
      await this.etcd.restart(options);
    }
    await this.#api.restart(options);
  }

  pause(): void {
    this.#api.pause();
  }

  resume(): void {
    this.#api.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
