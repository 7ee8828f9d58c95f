import { resolve } from 'node:path';
import {
  CONFIG_MAPS,
  KubeClient,
  KubeError,
  LEASES,
  createObject,
  deleteObject,
  getObject,
  inform,
  listPages,
  openAccess,
  replaceObject,
} from '@isthmus/kube';
import type { KubeObject } from '@isthmus/kube';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { LedgerHead, LedgerStore } from '@isthmus/model';
import type { LedgerPlace } from '@isthmus/registry';
import type { KubernetesConfig } from './config.ts';

/** A ConfigMap has 1 MiB at most, in base64. */
const MOST_BLOB_BYTES = 500_000;
const HEAD = 'isthmus.dev/ledger-head';
const LABEL = 'isthmus.dev/ledger';

/** https://kubernetes.io/docs/concepts/architecture/leases/ */
interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly renewTime?: string;
  };
}

interface ConfigMap extends KubeObject {
  readonly immutable?: boolean;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/**
 * A shared ledger in a Lease, whose annotation is the head and whose spec says to `kubectl get lease` who leads, and in one
 * ConfigMap a blob. The version of the head is the Lease's resourceVersion, and so what is compared covers the holder too.
 */
export class KubernetesLedgerStore implements LedgerStore {
  readonly mostBlobBytes = MOST_BLOB_BYTES;
  readonly where: string;
  readonly #config: KubernetesConfig;
  readonly #baseDir: string;
  readonly #name: string;
  readonly #namespace: string;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  #client: Promise<KubeClient> | undefined;
  #following: Promise<void> | undefined;
  /** Version that the watch saw last; '': none. */
  #seen: string | undefined;

  constructor(config: KubernetesConfig, place: LedgerPlace, baseDir: string) {
    this.#config = config;
    this.#baseDir = baseDir;
    this.#name = place.name;
    this.#namespace = place.namespace ?? 'isthmus';
    this.where = `Kubernetes Lease ${this.#namespace}/${this.#name}`;
  }

  async readHead(signal: AbortSignal): Promise<LedgerHead | undefined> {
    return headOf(await this.#lease(signal));
  }

  async nextHead(version: string | undefined, signal: AbortSignal): Promise<LedgerHead | undefined> {
    this.#following ??= this.#follow();
    // Told by the watch already, or in a moment.
    if (this.#seen === undefined || this.#seen === (version ?? '')) await this.#woken(signal);
    return this.readHead(signal);
  }

  async writeHead(text: string, expected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const lease = this.#leaseOf(text, expected);
    try {
      const written = await this.#ask((client) =>
        expected === undefined ? createObject(client, LEASES, lease, signal) : replaceObject(client, LEASES, lease, signal),
      );
      return written.metadata.resourceVersion;
    } catch (thrown) {
      // Somebody else wrote it, or removed it.
      if (thrown instanceof KubeError && (thrown.reason === 'conflict' || thrown.reason === 'not-found')) return undefined;
      throw thrown;
    }
  }

  async readBlob(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const map = await this.#ask((client) => getObject<ConfigMap>(client, CONFIG_MAPS, this.#blob(name), signal));
    return map === undefined ? undefined : Buffer.from(map.binaryData?.['blob'] ?? '', 'base64');
  }

  async writeBlob(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const binaryData = { blob: Buffer.from(bytes).toString('base64') };
    const metadata = { ...this.#blob(name), labels: { [LABEL]: this.#name } };
    await this.#ask((client) => createObject<ConfigMap>(client, CONFIG_MAPS, { metadata, immutable: true, binaryData }, signal));
  }

  async removeBlob(name: string, signal: AbortSignal): Promise<void> {
    await this.#ask((client) => deleteObject(client, CONFIG_MAPS, this.#blob(name), { signal }));
  }

  async listBlobs(signal: AbortSignal): Promise<readonly string[]> {
    const { name: prefix, namespace } = this.#blob('');
    return this.#ask(async (client) => {
      const names: string[] = [];
      const pages = listPages(client, CONFIG_MAPS, { namespace, labelSelector: `${LABEL}=${this.#name}`, signal });
      for await (const { items } of pages) for (const { metadata } of items) names.push(metadata.name.slice(prefix.length));
      return names;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#client?.then(
      (client) => client.close(),
      () => undefined,
    );
  }

  #blob(name: string): { readonly namespace: string; readonly name: string } {
    return { namespace: this.#namespace, name: `${this.#name}-${name}` };
  }

  #leaseOf(text: string, resourceVersion: string | undefined): Lease {
    const { leader, leaseMs, epoch } = shown(text);
    return {
      metadata: {
        namespace: this.#namespace,
        name: this.#name,
        annotations: { [HEAD]: text },
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      spec: {
        ...(leader === undefined ? {} : { holderIdentity: leader }),
        leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1_000)),
        leaseTransitions: epoch,
        renewTime: new Date().toISOString().replace('Z', '000Z'), // MicroTime; nobody of us reads it
      },
    };
  }

  #lease(signal: AbortSignal): Promise<Lease | undefined> {
    return this.#ask((client) => getObject<Lease>(client, LEASES, { namespace: this.#namespace, name: this.#name }, signal));
  }

  async #woken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((done, reject) => {
      const end = (): void => {
        this.#waiting.delete(end);
        signal.removeEventListener('abort', end);
        if (signal.aborted) reject(unreachable(this.where, 'no answer in time'));
        else done();
      };
      this.#waiting.add(end);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
  }

  /** One watch of the Lease for as long as the store is open; it heals itself. */
  async #follow(): Promise<void> {
    const client = await this.#open().catch(() => undefined);
    if (client === undefined) return void (this.#following = undefined);
    const events = inform<Lease, string>(
      client,
      {
        resource: LEASES,
        namespace: this.#namespace,
        fieldSelector: `metadata.name=${this.#name}`,
        keep: (lease) => lease.metadata.resourceVersion,
      },
      this.#stop.signal,
    );
    for await (const event of events) {
      if (event.kind === 'upsert') this.#seen = event.object;
      else if (event.kind === 'snapshot') this.#seen = event.objects.values().next().value ?? '';
      else if (event.kind === 'remove') this.#seen = '';
      for (const wake of [...this.#waiting]) wake();
    }
  }

  #open(): Promise<KubeClient> {
    const { kubeconfig, context, timeout } = this.#config;
    this.#client ??= openAccess({
      ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(this.#baseDir, kubeconfig) }),
      ...(context === undefined ? {} : { context }),
    }).then((access) => new KubeClient(access, { timeoutMs: timeout }));
    this.#client.catch(() => (this.#client = undefined)); // tried again at the next call
    return this.#client;
  }

  async #ask<T>(call: (client: KubeClient) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#open());
    } catch (thrown) {
      if (!(thrown instanceof KubeError)) throw unreachable(this.where, messageOf(thrown), thrown);
      if (thrown.reason === 'conflict' || thrown.reason === 'not-found') throw thrown;
      const isDenied = thrown.reason === 'forbidden' || thrown.reason === 'unauthorized';
      if (!isDenied) throw unreachable(this.where, thrown.message, thrown);
      throw new IsthmusError('ledger.forbidden', thrown.message, {
        where: this.where,
        remedy: thrown.remedy ?? 'give the service account the Role in docs/replicas.md',
        cause: thrown,
      });
    }
  }
}

function headOf(lease: Lease | undefined): LedgerHead | undefined {
  const version = lease?.metadata.resourceVersion;
  return version === undefined ? undefined : { version, text: lease?.metadata.annotations?.[HEAD] ?? '' };
}

/** What the head says that a Lease has fields for. */
function shown(text: string): { readonly leader: string | undefined; readonly leaseMs: number; readonly epoch: number } {
  let head: { leader?: { id?: unknown } | null; leaseMs?: unknown; epoch?: unknown } = {};
  try {
    head = JSON.parse(text) as typeof head;
  } catch {
    // not ours to judge
  }
  const leader = typeof head?.leader?.id === 'string' ? head.leader.id : undefined;
  return { leader, leaseMs: Number(head?.leaseMs) || 1_000, epoch: Number(head?.epoch) || 0 };
}

function unreachable(where: string, why: string, cause?: unknown): IsthmusError {
  return new IsthmusError('ledger.unreachable', why, { where, remedy: 'check that the API server answers', cause });
}
