import { dirname, join } from 'node:path';
import { SharedLedger } from '@isthmus/ledger';
import { IstioConfigStore } from '@isthmus/policy';
import type { RegistrySource } from '@isthmus/registry';
import type { Ledger } from '@isthmus/model';
import type { MeshOptions } from '@isthmus/translate';
import { systemTimers } from '@isthmus/xds';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import type { MeshPublisher } from '../mesh/mesh-publisher.ts';
import { nodeDefaults } from '../mesh/open-mesh.ts';
import { meshOptions } from './mesh-options.ts';
import { openReader } from './open-istio-config.ts';
import type { RulesReader } from './open-istio-config.ts';
import { ReaderPlaces } from './reader-places.ts';
import { AutoRegistration, MOST_WORKLOADS, RETURN_MS } from './registration/auto-registration.ts';
import { SharedRegistrations, sharedToken } from './registration/shared-registrations.ts';

/** Istio's objects, from where the config says that they are; a changed config may name another place. */
export class IstioRules {
  readonly store = new IstioConfigStore();
  /** Proxies that are workloads of a WorkloadGroup; outlive a change of the config, as their connections do. */
  readonly registration: AutoRegistration;
  /** Undefined: one replica. */
  readonly shared: SharedRegistrations | undefined;
  #config: BridgeConfig;
  #places = new ReaderPlaces(this.store);
  #reader: RulesReader;
  #restart = new AbortController();

  constructor(config: BridgeConfig, ledger: Ledger) {
    this.#config = config;
    const graceMs = (): number => this.#config.istio.workloadGrace;
    this.shared = ledger instanceof SharedLedger ? shareRegistrations(config, ledger, graceMs) : undefined;
    this.registration = new AutoRegistration({
      ...{ store: this.store, ledger, timers: systemTimers, defaults: nodeDefaults(config.istio.domain), graceMs },
      ...(this.shared === undefined ? {} : { shared: this.shared }),
    });
    this.#reader = this.#open();
  }

  /** What of the config is MeshConfig in Istio, and what our own server adds to it. */
  get mesh(): MeshOptions {
    const { istio, outputs } = this.#config;
    return { ...meshOptions(istio), unhealthy: outputs.xds?.unhealthy };
  }

  /** See `RulesReader`; of the place that the config names now. */
  get loaded(): Promise<void> {
    return this.#reader.loaded;
  }

  /** See `RulesReader`. */
  sources(own: { readonly meshId: string }): readonly RegistrySource[] {
    return this.#reader.sources(own);
  }

  /** Keeps the store up to date until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#restart = new AbortController();
      await this.#reader.run(AbortSignal.any([signal, this.#restart.signal]));
    }
  }

  /**
   * Where another place is named, what was read stays in force until that one has been read; other options of the mesh are taken by
   * `publisher`. Does nothing where all is the same.
   */
  reconfigure(config: BridgeConfig, publisher: Pick<MeshPublisher, 'renew'>): void {
    const before = this.#config;
    this.#config = config;
    if (meshOf(before) !== meshOf(config)) publisher.renew(this.mesh, () => this.store.objects());
    if (placeOf(before) === placeOf(config)) return;
    this.#places = new ReaderPlaces(this.store, this.#places);
    this.#reader = this.#open();
    this.#restart.abort();
  }

  #open(): RulesReader {
    const places = this.#places;
    const reader = openReader(this.#config, this.store, places);
    void reader.loaded.then(() => {
      places.loaded();
      this.registration.rulesWereRead();
    });
    return reader;
  }
}

function shareRegistrations(config: BridgeConfig, ledger: SharedLedger, graceMs: () => number): SharedRegistrations {
  const { control, ledger: own } = config;
  return new SharedRegistrations({
    ...{ ledger, timers: systemTimers, now: () => performance.now(), graceMs, returnMs: RETURN_MS, most: MOST_WORKLOADS },
    token: () => sharedToken(control.auth?.tokensFile, join(dirname(own.file), 'admin.token')),
  });
}

function placeOf({ istio: { from, namespace }, registries, outputs: { mcp, kubernetes } }: BridgeConfig): string {
  const cluster = from?.kind === 'registry' ? registries.find(({ id }) => id === from.registry)?.config : undefined;
  return JSON.stringify([from, namespace, cluster, mcp === undefined, kubernetes === undefined]);
}

/** The domain stays as it is: names of nodes end in it. */
function meshOf({
  istio: { from: _from, namespace: _namespace, callerNamespaces: _callers, domain: _domain, workloadGrace: _grace, ...mesh },
  outputs: { xds },
}: BridgeConfig): string {
  return JSON.stringify([mesh, xds?.unhealthy]);
}
