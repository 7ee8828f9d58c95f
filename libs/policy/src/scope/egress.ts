import { listenerPlaces } from '@isthmus/model';
import type { ListenerPlace, MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject, IstioSpecs } from '@isthmus/proto/istio';
import { Imports } from './imports.ts';
import type { RuleIndex } from './inputs.ts';
import { compareServices } from './service-order.ts';
import { compareVisible, isVisible } from './visible-services.ts';
import type { VisibleServices } from './visible-services.ts';

type Listener = IstioSpecs['Sidecar']['egress'][number];

const CAPTURE = ['default', 'iptables', 'none'] as const;
const EVERYTHING: readonly string[] = ['*/*'];

/** What one egress listener of a Sidecar lets a proxy see, or, without one, all that is visible to its namespace. */
export class Egress {
  readonly port: { readonly number: number; readonly protocol: string; readonly name: string } | undefined;
  readonly bind: string;
  readonly captureMode: (typeof CAPTURE)[number];
  readonly #namespace: string;
  readonly #services: VisibleServices;
  readonly #rules: RuleIndex;
  readonly #imports: Imports;
  /** Only services with this port, and only that port of them; a port for proxy requests (`HTTP_PROXY`) takes them all. */
  readonly #onlyPort: number | undefined;
  #selected: {
    readonly from: readonly IstioObject<'VirtualService'>[];
    readonly list: readonly IstioObject<'VirtualService'>[];
  } = { from: [], list: [] };

  constructor(listener: Listener | undefined, namespace: string, services: VisibleServices, rules: RuleIndex) {
    const { port } = listener ?? {};
    this.port = port === undefined ? undefined : { number: port.number, protocol: port.protocol, name: port.name };
    this.bind = listener?.bind ?? '';
    this.captureMode = CAPTURE[listener?.captureMode ?? 0] ?? 'default';
    this.#namespace = namespace;
    this.#services = services;
    this.#rules = rules;
    this.#imports = new Imports(listener?.hosts ?? EVERYTHING, namespace);
    const matches = port !== undefined && port.number !== 0 && port.protocol.toUpperCase() !== 'HTTP_PROXY';
    this.#onlyPort = matches ? port.number : undefined;
  }

  *services(): Iterable<MeshService> {
    const { onlyHosts } = this.#imports;
    if (onlyHosts !== undefined) return yield* this.#named(onlyHosts);
    if (this.#onlyPort !== undefined) return yield* this.servicesOn(this.#onlyPort);
    yield* this.#let(this.#services.to(this.#namespace));
  }

  servicesOfNow(): Iterable<MeshService> {
    const { onlyHosts } = this.#imports;
    if (onlyHosts !== undefined) return [...this.#named(onlyHosts)];
    return this.#let(this.#services.now(this.#namespace, this.#onlyPort));
  }

  *servicesOn(port: number): Iterable<MeshService> {
    if (this.#onlyPort !== undefined && this.#onlyPort !== port) return;
    if (this.#imports.onlyHosts !== undefined) return yield* this.#having((place) => place === port);
    yield* this.#let(this.#services.on(this.#namespace, port));
  }

  *sharedOn(port: number): Iterable<MeshService> {
    if (this.#imports.onlyHosts !== undefined) return yield* this.servicesOn(port);
    let [http] = this.#let(this.#services.httpOn(this.#namespace, port));
    for (const service of this.#let(this.#services.sharedOn(this.#namespace, port))) {
      if (http !== undefined && compareVisible(http, service) < 0) {
        yield http;
        http = undefined;
      }
      yield service;
    }
    if (http !== undefined) yield http;
  }

  *servicesAt(place: string): Iterable<MeshService> {
    if (this.#imports.onlyHosts !== undefined) return yield* this.#having((own) => own === place);
    yield* this.#let(this.#services.at(this.#namespace, place));
  }

  service(host: MeshHost): MeshService | undefined {
    const service = this.#services.get(host);
    return service !== undefined && this.sees(service) ? this.#trimmed(service) : undefined;
  }

  /** Whether it would see a service like this. */
  sees(service: MeshService): boolean {
    const hasPort = this.#onlyPort === undefined || service.ports.some(({ number }) => number === this.#onlyPort);
    return hasPort && isVisible(service, this.#namespace) && this.#lets(service);
  }

  /** Whether a rule that sends to these ports of a service (0: all) makes this one known here: a listener's own port goes before what the rule names. */
  reaches(port: number, named: ReadonlySet<number>): boolean {
    return this.#onlyPort === undefined ? named.has(0) || named.has(port) : this.#onlyPort === port;
  }

  virtualServices(): readonly IstioObject<'VirtualService'>[] {
    const from = this.#rules.virtualServices(this.#namespace, 'mesh');
    if (this.#imports.everything) return from;
    if (this.#selected.from !== from) this.#selected = { from, list: from.filter((rule) => this.seesRule(rule)) };
    return this.#selected.list;
  }

  seesRule({ namespace, spec }: IstioObject<'VirtualService'>): boolean {
    return this.#imports.virtualService(namespace, spec.hosts);
  }

  *#named(hosts: ReadonlySet<string>): Iterable<MeshService> {
    const found: MeshService[] = [];
    for (const host of hosts) {
      const service = this.service(host as MeshHost);
      if (service !== undefined) found.push(service);
    }
    yield* found.sort(this.#imports.named ? compareServices : compareVisible);
  }

  *#having(wanted: (place: ListenerPlace) => boolean): Iterable<MeshService> {
    for (const service of this.services()) if (listenerPlaces(service).some(wanted)) yield service;
  }

  *#let(services: Iterable<MeshService>): Iterable<MeshService> {
    for (const service of services) if (this.#lets(service)) yield this.#trimmed(service);
  }

  #lets(service: MeshService): boolean {
    return this.#imports.service(service.namespace, service.host);
  }

  #trimmed(service: MeshService): MeshService {
    return this.#onlyPort === undefined ? service : withPorts(service, (number) => number === this.#onlyPort);
  }
}

/** Remembered, so that what did not change stays the same object. */
const trimmed = new WeakMap<MeshService, Map<string, MeshService>>();

/** The service with some of its ports only; itself where those are all. */
export function withPorts(service: MeshService, wanted: (port: number) => boolean): MeshService {
  const ports = service.ports.filter(({ number }) => wanted(number));
  if (ports.length === service.ports.length) return service;
  const key = ports.map(({ number }) => number).join();
  const known = trimmed.get(service) ?? new Map<string, MeshService>();
  trimmed.set(service, known);
  let part = known.get(key);
  if (part === undefined) known.set(key, (part = { ...service, ports }));
  return part;
}
