import type { ReportedPolicy } from '@isthmus/contract';
import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { ConfigWatcher } from '@isthmus/registry';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { hostOf, keptPlaces } from './kept-place.ts';
import type { KeptPlace, KeptText } from './kept-place.ts';
import { KeptRules } from './kept-rules.ts';

/** Policies that registries keep for services. */
export interface KeptPolicies {
  /** Of one service, or of all (`*`); each with its mesh host. */
  policiesOf(service: string): readonly ReportedPolicy[];
  /** What a service may have for a host that nobody has read yet: nobody knows what would be lost. */
  unread(service: string, hosts: ReadonlySet<string>): readonly string[];
}

/** Rules of Sentinel and other policies as Nacos has them now (`policies:`). They are lifted and asked by plans, and applied by nobody. */
export class WatchedPolicies implements KeptPolicies {
  #places: readonly Place[] = [];

  /** Watches what this config names, from now on: also of a changed one. What another place had is forgotten. */
  follow({ policies, registries, baseDir }: BridgeConfig, signal: AbortSignal): void {
    const before = this.#places;
    this.#places = keptPlaces(policies).flatMap((kept) => {
      const registry = registries.find(({ id }) => id === kept.registry);
      if (registry === undefined) return [];
      const key = JSON.stringify([kept, registry.config]);
      const same = before.find((place) => place.key === key);
      if (same !== undefined) return [same];
      const place = new Place(kept, key, before);
      const dataIds = place.dataIds();
      const at = { dataIds, group: kept.group, ...(kept.namespace === undefined ? {} : { namespace: kept.namespace }) };
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

/** A group of a namespace, with what its texts have. */
class Place implements ConfigWatcher {
  readonly stop = new AbortController();
  readonly key: string;
  readonly #kept: KeptPlace;
  /** By data id. */
  readonly #rules = new Map<string, KeptRules>();
  #namespace: string | undefined;
  #failure: string | undefined;

  /** @param before what was read of the same place stays until it is read again */
  constructor(kept: KeptPlace, key: string, before: readonly Place[]) {
    this.#kept = kept;
    this.key = key;
    this.#namespace = kept.namespace;
    const old = before.filter((place) => place.#name === this.#name);
    for (const { dataId, format } of kept.texts) {
      const known = old.map((place) => place.#rules.get(dataId)).find((rules) => rules?.format === format);
      this.#rules.set(dataId, known ?? new KeptRules(format));
    }
  }

  get #name(): string {
    return JSON.stringify([this.#kept.registry, this.#kept.namespace, this.#kept.group]);
  }

  get #where(): string {
    return [this.#kept.registry, this.#namespace, this.#kept.group].filter((part) => part !== undefined).join('/');
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
    for (const [{ dataId, owner }, rules] of this.#of(service))
      for (const policy of rules.policies ?? []) {
        const host = hostOf(owner, policy);
        if (host !== undefined)
          yield { ...policy, host, instances: [], source: `${this.#where}/${dataId}`, readAt: rules.readAt };
      }
  }

  *unread(service: string, hosts: ReadonlySet<string>): Generator<string> {
    for (const [{ dataId, owner }, rules] of this.#of(service))
      if (
        rules.policies === undefined &&
        [owner.target, ...Object.values(owner.targets)].some((host) => host !== undefined && hosts.has(host))
      )
        yield `${dataId} of ${this.#kept.registry}, not read yet`;
  }

  *diagnostics(): Generator<Diagnostic> {
    if (this.#failure !== undefined)
      yield {
        code: 'policy.unreadable',
        severity: 'warning',
        where: this.#where,
        what: this.#failure,
        meaning: 'policies stay as they were read last; those never read stop plans before resilience',
        remedy: 'do what the cause says, or look with isthmus doctor; it is tried again by itself',
      };
    for (const [{ dataId, owner }, rules] of this.#of('*'))
      yield* rules.diagnostics(`${this.#where}/${dataId}`, (policy) => hostOf(owner, policy) !== undefined);
  }

  *#of(service: string): Generator<readonly [KeptText, KeptRules]> {
    for (const text of this.#kept.texts) {
      if (service !== '*' && service !== text.owner.service) continue;
      const rules = this.#rules.get(text.dataId);
      if (rules !== undefined) yield [text, rules];
    }
  }
}
