import { Heartbeat, KubeClient, SharedInformer, openAccess } from '@isthmus/kube';
import type { InformerStatus, KubeAccessOptions, KubeObject, Resource } from '@isthmus/kube';
import { backoff, messageOf, pause } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { ISTIO_KINDS, parseCustomObject } from '@isthmus/policy';
import type { IstioFile } from '@isthmus/policy';
import type { IstioKind } from '@isthmus/proto/istio';
import type { RulesStore } from './reader-places.ts';

const PLURALS: Readonly<Record<IstioKind, string>> = {
  VirtualService: 'virtualservices',
  DestinationRule: 'destinationrules',
  Gateway: 'gateways',
  ServiceEntry: 'serviceentries',
  WorkloadEntry: 'workloadentries',
  WorkloadGroup: 'workloadgroups',
  Sidecar: 'sidecars',
  ProxyConfig: 'proxyconfigs',
};
const GROUP = 'networking.istio.io';
const LAST_RETRY_MS = 10_000;

interface IstioCustomObject extends KubeObject {
  readonly spec?: unknown;
}

export type IstioResource = Resource & { readonly kind: IstioKind };

/** What is watched of Istio's; the version is one that every Istio since 1.22 serves. */
export const ISTIO_RESOURCES: readonly IstioResource[] = ISTIO_KINDS.map((kind) => ({
  group: GROUP,
  version: kind === 'ProxyConfig' ? 'v1beta1' : 'v1',
  kind,
  plural: PLURALS[kind],
  namespaced: true,
}));

export interface IstioClusterOptions {
  readonly access: KubeAccessOptions;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly store: RulesStore;
  readonly random?: () => number;
}

/**
 * Keeps the store equal to the objects of a cluster. A cluster that is not reached, or a kind that may not be read, takes
 * nothing away.
 */
export class IstioCluster {
  readonly #options: IstioClusterOptions;
  readonly #troubles = new Map<string, Diagnostic>();
  readonly #unsettled = new Set<string>();
  #settle: () => void = () => undefined;
  /** Every kind has been read once, or is known not to be readable. */
  readonly loaded = new Promise<void>((settle) => (this.#settle = settle));

  constructor(options: IstioClusterOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const client = await this.#connect(signal);
    if (client === undefined) return this.#settle();
    const heartbeat = new Heartbeat(client);
    const { namespaces } = this.#options;
    const parts = ISTIO_RESOURCES.flatMap((resource) =>
      (namespaces.length === 0 ? [''] : namespaces).map((namespace) => ({ resource, namespace })),
    );
    for (const { resource, namespace } of parts) this.#unsettled.add(`${resource.kind} ${namespace}`);
    const ends = parts.map(({ resource, namespace }) => this.#follow(client, heartbeat, resource, namespace));
    await new Promise<void>((done) => (signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true })));
    await Promise.all(ends.map((end) => end()));
    client.close();
    this.#settle();
  }

  async #connect(signal: AbortSignal): Promise<KubeClient | undefined> {
    const random = this.#options.random ?? Math.random;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const access = await openAccess(this.#options.access);
        this.#tell('cluster', undefined);
        return new KubeClient(access);
      } catch (thrown) {
        this.#tell('cluster', trouble('the cluster with Istio’s objects', messageOf(thrown)));
        this.#settle(); // what is not there cannot be waited for
        await pause(backoff(attempt, random, 200, LAST_RETRY_MS), signal);
      }
    }
    return undefined;
  }

  #follow(client: KubeClient, heartbeat: Heartbeat, resource: IstioResource, namespace: string): () => Promise<void> {
    const { store } = this.#options;
    const place = (key: string) => `k8s ${resource.kind} ${key}`;
    const known = new Set<string>();
    const informer = new SharedInformer<IstioCustomObject, IstioFile>(client, {
      resource,
      namespace,
      keep: (object) => parseCustomObject(resource.kind, object),
      same: (before, after) =>
        before.objects[0]?.version === after.objects[0]?.version &&
        JSON.stringify(before.problems) === JSON.stringify(after.problems),
      heartbeat,
    });
    return informer.listen((event) => {
      if (event.kind === 'snapshot') {
        const gone = [...known].filter((key) => !event.objects.has(key));
        for (const key of event.objects.keys()) known.add(key);
        for (const key of gone) known.delete(key);
        void store.setAll([
          ...gone.map((key) => [place(key), undefined] as const),
          ...[...event.objects].map(([key, file]) => [place(key), file] as const),
        ]);
      } else if (event.kind === 'upsert') {
        known.add(event.key);
        store.set(place(event.key), event.object);
      } else if (event.kind === 'remove') {
        known.delete(event.key);
        store.set(place(event.key), undefined);
      } else this.#status(`${resource.kind} ${namespace}`, resource, event.status);
    });
  }

  #status(part: string, { plural, group }: Resource, status: InformerStatus): void {
    this.#tell(
      part,
      status.state === 'stale' ? trouble(`${plural}.${group}`, status.error.message, status.error.remedy) : undefined,
    );
    if (status.state === 'syncing') return;
    this.#unsettled.delete(part);
    if (this.#unsettled.size === 0) void this.#options.store.settled.then(this.#settle);
  }

  #tell(part: string, diagnostic: Diagnostic | undefined): void {
    if (diagnostic === undefined) this.#troubles.delete(part);
    else this.#troubles.set(part, diagnostic);
    this.#options.store.setOwnDiagnostics([...this.#troubles].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found));
  }
}

function trouble(what: string, why: string, remedy = 'look at `isthmus doctor`'): Diagnostic {
  return {
    code: 'istio.unreadable',
    severity: 'error',
    where: `k8s ${what}`,
    what: `cannot be read: ${why}`,
    meaning: 'what was read before stays in force',
    remedy,
  };
}
