import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bridgeConfig } from './bridge-config.ts';
import type { LabOptions } from './lab-options.ts';
import type { LabPorts } from './lab-ports.ts';
import { bridgePart, instancePart } from './node-parts.ts';
import type { Part } from './part.ts';
import { isBuilt, serverParts, type ServerParts } from './servers.ts';
import { instances, type InstancePlan } from './topology.ts';

/** How long something that went down stays down, so that one sees what that does; milliseconds. */
const restartAfterMs = 20_000;

/** Registry in `lab.yaml` → the server that it is. */
const registryParts = { shop: 'nacos', hq: 'consul', old: 'eureka', fresh: 'nacos3' } as const satisfies Record<
  string,
  keyof ServerParts
>;

/** Everything that runs, and the order in which it starts and stops. */
export class Lab {
  readonly ports: LabPorts;
  readonly bridge: Part;
  readonly servers: ServerParts;
  readonly instances: ReadonlyMap<InstancePlan, Part>;
  readonly #options: LabOptions;
  readonly #root: string;
  readonly #configFile: string;
  readonly #stopping = new AbortController();
  /** Whether Consul takes part, and whether the rest waits for it. */
  #consul: 'from the start' | 'joins later' | 'never' = 'never';
  #inConfig = new Set<string>();

  constructor(options: LabOptions, ports: LabPorts, root: string) {
    this.#options = options;
    this.#root = root;
    this.ports = ports;
    this.#configFile = join(options.dir, 'bridge.yaml');
    const restart = options.ci ? undefined : restartAfterMs;
    const nodeParts = { ports, dir: options.dir, root, restartAfterMs: restart };
    this.servers = serverParts(nodeParts);
    this.bridge = bridgePart(nodeParts, this.#configFile);
    const wanted = instances.filter(({ registry }) => this.#isWanted(registry));
    this.instances = new Map(wanted.map((plan) => [plan, instancePart(plan, nodeParts)]));
  }

  /** In the order in which they are shown. */
  get parts(): readonly Part[] {
    const { nacos, eureka, consul, envoy, nacos3, istiod, istioEnvoy } = this.servers;
    return [
      nacos,
      eureka,
      ...(this.#isWanted('consul') ? [consul] : []),
      ...(this.#isWanted('nacos3') ? [nacos3] : []),
      this.bridge,
      envoy,
      ...(this.#options.with.has('istiod') ? [istiod, istioEnvoy] : []),
      ...this.instances.values(),
    ];
  }

  get consul(): 'from the start' | 'joins later' | 'never' {
    return this.#consul;
  }

  /** What joins when it is built; `start` does not wait for it. Rejects with the first that failed. */
  later: Promise<unknown> = Promise.resolve();

  /** Resolves when all that is quick to have is up. @throws what the first that failed threw. */
  async start(): Promise<void> {
    await mkdir(this.#options.dir, { recursive: true });
    const { nacos, eureka, envoy, consul, nacos3 } = this.servers;
    this.#consul = this.#isWanted('consul')
      ? (await isBuilt('consul'))
        ? 'from the start'
        : this.#options.ci
          ? 'never'
          : 'joins later'
      : 'never';

    const registries = [this.#up(nacos), this.#up(eureka)];
    if (this.#isWanted('nacos3')) registries.push(this.#up(nacos3));
    if (this.#consul === 'from the start') registries.push(this.#up(consul));
    const [nacosUp, eurekaUp] = registries as [Promise<void>, Promise<void>];

    const orders = nacosUp.then(() => this.#upInstances(({ registry, service }) => registry === 'nacos' && service !== 'web'));
    const services = [
      // Last, so that its first look into Nacos finds orders there: the client asks again only after ten seconds.
      orders.then(() => this.#upInstances(({ service }) => service === 'web')),
      eurekaUp.then(() => this.#upInstances(({ registry }) => registry === 'eureka')),
      this.#upInstances(({ registry }) => registry === 'none'),
    ];
    const rest = Promise.all(registries)
      .then(() => this.#writeConfig())
      .then(() => this.#up(this.bridge))
      .then(() => this.#up(envoy));
    const joined = Promise.all(registries).then(() =>
      this.#upInstances(({ registry }) => registry === 'nacos3' || (registry === 'consul' && this.#consul === 'from the start')),
    );
    await Promise.all([...services, rest, joined]);
    this.later = Promise.all([this.#joinConsul(), this.#joinIstiod()]);
    this.later.catch(() => undefined); // shown as the part's state; the self-check asks for it
  }

  /** Notices what went down and starts it again. */
  watch(): void {
    for (const part of this.parts) part.watch();
  }

  /** Callers before those they call, registries last. Safe to call while it still starts. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const { envoy, istiod, istioEnvoy, nacos, eureka, consul, nacos3 } = this.servers;
    await Promise.all([...this.instances.values()].map((part) => part.stop()));
    await Promise.all([envoy, istioEnvoy].map((part) => part.stop()));
    await Promise.all([istiod, this.bridge].map((part) => part.stop()));
    await Promise.all([nacos, eureka, consul, nacos3].map((part) => part.stop()));
  }

  async #joinConsul(): Promise<void> {
    if (this.#consul !== 'joins later') return;
    await this.#up(this.servers.consul);
    await this.#upInstances(({ registry }) => registry === 'consul');
    await this.#writeConfig(); // the bridge watches the file
  }

  async #joinIstiod(): Promise<void> {
    if (!this.#options.with.has('istiod')) return;
    await this.#up(this.servers.istiod);
    await this.#up(this.servers.istioEnvoy);
  }

  async #upInstances(which: (plan: InstancePlan) => boolean): Promise<void> {
    await Promise.all([...this.instances].filter(([plan]) => which(plan)).map(([, part]) => this.#up(part)));
  }

  async #up(part: Part): Promise<void> {
    if (this.#stopping.signal.aborted) throw new Error('the lab is being stopped');
    await part.up(this.#stopping.signal);
  }

  #isWanted(registry: InstancePlan['registry']): boolean {
    if (registry === 'consul') return this.#options.consul === 'auto';
    return registry !== 'nacos3' || this.#options.with.has('nacos3');
  }

  /** With the registries that run by now. One that is lost later stays: the bridge keeps what it knew, marked stale. */
  async #writeConfig(): Promise<void> {
    const names = Object.keys(registryParts) as (keyof typeof registryParts)[];
    for (const name of names) if (this.servers[registryParts[name]].state.kind === 'up') this.#inConfig.add(name);
    const text = bridgeConfig(await readFile(join(this.#root, 'apps/lab/lab.yaml'), 'utf8'), {
      ports: this.ports,
      without: new Set(names.filter((name) => !this.#inConfig.has(name))),
      ledger: join(this.#options.dir, 'ledger'),
    });
    await writeFile(`${this.#configFile}.new`, text);
    await rename(`${this.#configFile}.new`, this.#configFile);
  }
}
