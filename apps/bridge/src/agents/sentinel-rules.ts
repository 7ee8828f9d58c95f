import type { SentinelApp, SentinelConfig } from '@isthmus/config';
import type { ReportedPolicy } from '@isthmus/contract';
import { SENTINEL_KINDS, sentinelDataId } from '@isthmus/lift';
import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { ConfigWatcher } from '@isthmus/registry';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { KeptRules } from './kept-rules.ts';

/** Policies that registries keep for services. */
export interface KeptPolicies {
  /** Of one service, or of all (`*`); each with its mesh host. */
  policiesOf(service: string): readonly ReportedPolicy[];
  /** What a service may have for a host that nobody has read yet: nobody knows what would be lost. */
  unread(service: string, hosts: ReadonlySet<string>): readonly string[];
}

/** Rules of Sentinel as Nacos has them now (`policies.sentinel`). They are lifted and asked by plans, and applied by nobody. */
export class SentinelRules implements KeptPolicies {
  #places: readonly Place[] = [];

  /** Watches what this config names, from now on: also of a changed one. What another place had is forgotten. */
  follow({ policies, registries, baseDir }: BridgeConfig, signal: AbortSignal): void {
    const before = this.#places;
    this.#places = policies.sentinel.flatMap((config) => {
      const registry = registries.find(({ id }) => id === config.registry);
      if (registry === undefined) return [];
      const key = JSON.stringify([config, registry.config]);
      const same = before.find((place) => place.key === key);
      if (same !== undefined) return [same];
      const place = new Place(config, key, before);
      const dataIds = place.dataIds();
      const at = { dataIds, group: config.group, ...(config.namespace === undefined ? {} : { namespace: config.namespace }) };
      const ended = AbortSignal.any([signal, place.stop.signal]);
      if (dataIds.length > 0)
        void registry.kind
          .watchConfigs?.(registry.config, at, { baseDir }, place, ended)
          .catch((error: unknown) => place.failed(messageOf(error)));
      return [place];
    });
    for (const place of before) if (!this.#places.includes(place)) place.stop.abort();
  }

  policiesOf(service: string): readonly ReportedPolicy[] {
    return this.#places.flatMap((place) => [...place.policiesOf(service)]);
  }

  unread(service: string, hosts: ReadonlySet<string>): readonly string[] {
    return this.#places.flatMap((place) => [...place.unread(service, hosts)]);
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#places.flatMap((place) => [...place.diagnostics()]);
  }
}

/** A group of a namespace, with the rules of its applications. */
class Place implements ConfigWatcher {
  readonly stop = new AbortController();
  readonly key: string;
  readonly #config: SentinelConfig;
  /** By data id. */
  readonly #rules = new Map<string, KeptRules>();
  #namespace: string | undefined;
  #failure: string | undefined;

  /** @param before what was read of the same place stays until it is read again */
  constructor(config: SentinelConfig, key: string, before: readonly Place[]) {
    this.#config = config;
    this.key = key;
    this.#namespace = config.namespace;
    const old = before.find((place) => place.#name === this.#name);
    for (const name of Object.keys(config.apps))
      for (const kind of SENTINEL_KINDS) {
        const dataId = sentinelDataId(name, kind);
        this.#rules.set(dataId, old?.rulesOf(dataId) ?? new KeptRules(kind));
      }
  }

  get #name(): string {
    return JSON.stringify([this.#config.registry, this.#config.namespace, this.#config.group]);
  }

  get #where(): string {
    return [this.#config.registry, this.#namespace, this.#config.group].filter((part) => part !== undefined).join('/');
  }

  rulesOf(dataId: string): KeptRules | undefined {
    return this.#rules.get(dataId);
  }

  dataIds(): readonly string[] {
    return [...this.#rules.keys()];
  }

  told({ dataId, namespace, content }: { readonly dataId: string; readonly namespace: string; readonly content?: string }): void {
    this.#namespace = namespace;
    this.#rules.get(dataId)?.take(content);
  }

  inStep(): void {
    this.#failure = undefined;
  }

  failed(why: string): void {
    this.#failure = why;
  }

  *policiesOf(service: string): Generator<ReportedPolicy> {
    for (const [dataId, app, rules] of this.#of(service))
      for (const policy of rules.policies ?? []) {
        const host = hostOf(app, policy.name);
        if (host !== undefined)
          yield { ...policy, host, instances: [], source: `${this.#where}/${dataId}`, readAt: rules.readAt };
      }
  }

  *unread(service: string, hosts: ReadonlySet<string>): Generator<string> {
    for (const [dataId, { target, targets }, rules] of this.#of(service))
      if (
        rules.policies === undefined &&
        [target, ...Object.values(targets)].some((host) => host !== undefined && hosts.has(host))
      )
        yield `${dataId} of ${this.#config.registry}, not read yet`;
  }

  *diagnostics(): Generator<Diagnostic> {
    if (this.#failure !== undefined)
      yield {
        code: 'policy.unreadable',
        severity: 'warning',
        where: this.#where,
        what: this.#failure,
        meaning: 'Sentinel rules stay as they were read last; those never read stop plans before resilience',
        remedy: 'do what the cause says, or look with isthmus doctor; it is tried again by itself',
      };
    for (const [dataId, app, rules] of this.#of('*'))
      yield* rules.diagnostics(`${this.#where}/${dataId}`, (resource) => hostOf(app, resource) !== undefined);
  }

  *#of(service: string): Generator<readonly [string, SentinelApp, KeptRules]> {
    for (const [name, app] of Object.entries(this.#config.apps)) {
      if (service !== '*' && service !== app.service) continue;
      for (const kind of SENTINEL_KINDS) {
        const dataId = sentinelDataId(name, kind);
        const rules = this.#rules.get(dataId);
        if (rules !== undefined) yield [dataId, app, rules];
      }
    }
  }
}

function hostOf({ target, targets }: SentinelApp, resource: string): string | undefined {
  return Object.hasOwn(targets, resource) ? targets[resource] : target;
}
