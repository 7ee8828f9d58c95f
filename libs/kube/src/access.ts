/** Where the API server is and who we are to it. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { IsthmusError, messageOf } from '@isthmus/model';

export interface KubeAccess {
  /** `https://10.96.0.1:443`, without a slash at the end. */
  readonly server: string;
  /** Of the kubeconfig's context, or of our own Pod; `default` if it has none. */
  readonly namespace: string;
  /** Asked before every call: tokens rotate. @throws IsthmusError when a file is missing or an auth plugin fails. */
  credentials(): Promise<KubeCredentials>;
  /** They were refused: read everything again. */
  renew(): void;
  /** Ends idle connections. */
  close(): void;
}

export interface KubeCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: HttpAgent;
}

export interface KubeAccessOptions {
  /**
   * Path of a kubeconfig. Default: the service account of our own Pod, else `$KUBECONFIG`, else `~/.kube/config`, as kubectl
   * does it.
   */
  readonly kubeconfig?: string;
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
  /** Where a Pod has its service account; for tests. */
  readonly serviceAccountDir?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** How long credentials are used before files and plugins are asked again. A token is replaced long before it expires. */
const FRESH_MS = 10_000;
/** Without it the kernel notices a dead peer after two hours. */
const KEEP_ALIVE = { keepAlive: true, keepAliveMsecs: 15_000 };

/** @throws IsthmusError `config.invalid` when there is no usable kubeconfig. */
export async function openAccess(options: KubeAccessOptions = {}): Promise<KubeAccess> {
  const { env = process.env, serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount' } = options;
  const inPod =
    options.kubeconfig === undefined && env['KUBERNETES_SERVICE_HOST'] !== undefined && env['KUBECONFIG'] === undefined;
  return inPod ? serviceAccountAccess(env, serviceAccountDir) : kubeconfigAccess(options);
}

/**
 * The account that every Pod has (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). Read by ourselves: the
 * client library costs 85 MB of memory, which the bridge in a cluster need not pay for two files.
 */
async function serviceAccountAccess(env: NodeJS.ProcessEnv, dir: string): Promise<KubeAccess> {
  const [host = '', port = '443'] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const read = async (name: string): Promise<string> => {
    try {
      return (await readFile(join(dir, name), 'utf8')).trim();
    } catch (cause) {
      throw new IsthmusError('config.invalid', `the service account's ${name} cannot be read: ${messageOf(cause)}`, {
        meaning: 'the API server cannot be asked',
        remedy: 'leave automountServiceAccountToken of the Pod at true, or set kubeconfig',
        cause,
      });
    }
  };
  const namespace = await read('namespace').catch(() => 'default');
  return new Access(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, namespace, async () => {
    const token = await read('token');
    const ca = await read('ca.crt');
    return { tls: { ca }, headers: { authorization: `Bearer ${token}` }, agent: undefined };
  });
}

async function kubeconfigAccess(options: KubeAccessOptions): Promise<KubeAccess> {
  // 85 MB and half a second: only who uses a kubeconfig pays for it. Its auth plugins are why it is used at all.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const load = () => {
    const config = new KubeConfig();
    const where = options.kubeconfig ?? 'the default kubeconfig';
    try {
      if (options.kubeconfig === undefined) config.loadFromDefault();
      else config.loadFromFile(options.kubeconfig);
    } catch (cause) {
      throw invalid(
        where,
        `cannot be read: ${messageOf(cause)}`,
        'check path and content (kubectl --kubeconfig … version)',
        cause,
      );
    }
    if (options.context !== undefined) config.setCurrentContext(options.context);
    const name = config.getCurrentContext();
    const contexts = config.getContexts().map((context) => context.name);
    if (!contexts.includes(name)) {
      throw invalid(where, `has no context "${name ?? ''}"`, `set context to one of ${contexts.join(', ') || 'its contexts'}`);
    }
    const cluster = config.getCurrentCluster();
    if (cluster === null || URL.parse(cluster.server) === null) {
      throw invalid(where, `context "${name}" names no cluster with a server`, 'mend its cluster entry');
    }
    return { config, cluster, namespace: config.getContextObject(name)?.namespace ?? 'default' };
  };
  let loaded = load();
  return new Access(
    loaded.cluster.server.replace(/\/+$/, ''),
    loaded.namespace,
    async () => {
      const options: RequestOptions = {};
      await loaded.config.applyToHTTPSOptions(options);
      const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized, auth } = options;
      const headers: Record<string, string> = {};
      for (const [header, value] of Object.entries(options.headers ?? {})) headers[header.toLowerCase()] = String(value);
      if (auth) headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
      const tls = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
      const proxy = loaded.cluster.proxyUrl === undefined ? undefined : (options.agent as HttpAgent);
      return {
        tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined && value !== null)),
        headers,
        agent: proxy,
      };
    },
    () => (loaded = load()),
  );
}

function invalid(where: string, what: string, remedy: string, cause?: unknown): IsthmusError {
  return new IsthmusError('config.invalid', `${where} ${what}`, {
    meaning: 'the API server cannot be asked',
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
}

interface Material {
  readonly tls: object;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a proxy; it has the TLS settings already. */
  readonly agent: HttpAgent | undefined;
}

/** Keeps one agent for as long as the TLS settings stay the same. */
class Access implements KubeAccess {
  readonly server: string;
  readonly namespace: string;
  readonly #read: () => Promise<Material>;
  readonly #reload: () => void;
  #agent: { readonly key: string; readonly agent: HttpAgent } | undefined;
  #fresh: { readonly until: number; readonly credentials: Promise<KubeCredentials> } | undefined;

  constructor(server: string, namespace: string, read: () => Promise<Material>, reload: () => void = () => undefined) {
    this.server = server;
    this.namespace = namespace;
    this.#read = read;
    this.#reload = reload;
  }

  credentials(): Promise<KubeCredentials> {
    const now = performance.now();
    if (this.#fresh === undefined || this.#fresh.until < now) {
      const credentials = this.#load();
      this.#fresh = { until: now + FRESH_MS, credentials };
      credentials.catch(() => (this.#fresh = undefined)); // whoever asked gets it; the next one tries again
    }
    return this.#fresh.credentials;
  }

  renew(): void {
    this.#fresh = undefined;
    try {
      this.#reload();
    } catch {
      // Half written at this moment: the old ones are refused once more, and then it is read again.
    }
  }

  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
    this.#fresh = undefined;
  }

  async #load(): Promise<KubeCredentials> {
    const { tls, headers, agent } = await this.#read();
    const key = JSON.stringify(tls);
    if (this.#agent?.key !== key) {
      this.#agent?.agent.destroy();
      const made = this.server.startsWith('https:') ? new HttpsAgent({ ...KEEP_ALIVE, ...tls }) : new HttpAgent(KEEP_ALIVE);
      this.#agent = { key, agent: agent ?? made };
    }
    return { headers, agent: this.#agent.agent };
  }
}
