import { addressKey } from '@isthmus/model';
import type { ServiceId, ServiceRecord } from '@isthmus/model';
import type { RecordOverlay } from '../record-overlay.ts';
import { combine, comparable } from './combine.ts';
import { diffEndpoints } from './diff.ts';
import type { EndpointDifference } from './diff.ts';
import { twinOf } from './pair-rules.ts';
import type { PairRule } from './pair-rules.ts';

/** A service that is in a registry and, by a rule, in Kubernetes. */
export interface Pair {
  readonly registry: ServiceRecord;
  /** Undefined: Kubernetes has no such service. */
  readonly kubernetes: ServiceRecord | undefined;
  readonly rule: PairRule;
}

/** Services that are in a registry and in Kubernetes are one service, by an explicit policy. */
export class Pairs implements RecordOverlay {
  readonly #rules: readonly PairRule[];
  /** Every record of the registry by id: twins come in any order. */
  readonly #records = new Map<ServiceId, ServiceRecord>();
  readonly #pairs = new Map<ServiceId, { readonly rule: PairRule; readonly twin: ServiceId }>();
  readonly #servicesOf = new Map<ServiceId, Set<ServiceId>>();

  constructor(rules: readonly PairRule[]) {
    this.#rules = rules;
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void {
    this.#records.set(id, record);
    for (const service of this.#servicesOf.get(id) ?? []) dirty.add(service);
    if (this.#pairs.has(id)) return;
    const rule = this.#rules.find((candidate) => candidate.matches(record.key));
    const twin = rule && twinOf(rule, record.key);
    if (rule === undefined || twin === undefined || twin === id) return;
    this.#pairs.set(id, { rule, twin });
    const services = this.#servicesOf.get(twin);
    if (services === undefined) this.#servicesOf.set(twin, new Set([id]));
    else services.add(id);
    dirty.add(twin);
  }

  drop(id: ServiceId, dirty: Set<ServiceId>): void {
    this.#records.delete(id);
    for (const service of this.#servicesOf.get(id) ?? []) dirty.add(service);
    const pair = this.#pairs.get(id);
    if (pair === undefined) return;
    this.#pairs.delete(id);
    const services = this.#servicesOf.get(pair.twin);
    services?.delete(id);
    if (services?.size === 0) this.#servicesOf.delete(pair.twin);
    dirty.add(pair.twin);
  }

  view(id: ServiceId, record: ServiceRecord): ServiceRecord | undefined {
    const pair = this.#pairs.get(id);
    if (pair !== undefined) {
      const kubernetes = this.#records.get(pair.twin);
      return kubernetes === undefined ? record : combine(record, kubernetes, pair.rule);
    }
    const services = this.#servicesOf.get(id);
    if (services === undefined) return record;
    const keeps = [...services].some((service) => this.#pairs.get(service)?.rule.keepHost === true);
    return keeps ? record : undefined;
  }

  /** The registry's service that a Kubernetes service is published as; undefined: under its own host. */
  publishedAs(id: ServiceId): ServiceId | undefined {
    return [...(this.#servicesOf.get(id) ?? [])].sort()[0];
  }

  /** What the registry's service is paired with, by its id; undefined: no rule is for it. */
  pairOf(id: ServiceId): Pair | undefined {
    const pair = this.#pairs.get(id);
    const registry = this.#records.get(id);
    if (pair === undefined || registry === undefined) return undefined;
    return { registry, kubernetes: this.#records.get(pair.twin), rule: pair.rule };
  }

  ids(): Iterable<ServiceId> {
    return this.#pairs.keys();
  }

  twinIdOf(id: ServiceId): ServiceId | undefined {
    return this.#pairs.get(id)?.twin;
  }
}

/** What the registry says and Kubernetes does not, and the other way round. */
export function differences({ registry, kubernetes, rule }: Pair): readonly EndpointDifference[] {
  if (kubernetes === undefined) {
    return registry.endpoints.map((endpoint) => ({ kind: 'only-registry', at: addressKey(endpoint) }) as const);
  }
  return diffEndpoints(registry.endpoints, comparable(registry, kubernetes, rule));
}
