import { addressKey } from '@isthmus/model';
import type { Clock, Ledger, ServiceId, ServiceRecord } from '@isthmus/model';
import type { RecordOverlay } from '../record-overlay.ts';

/** What an active check found of one endpoint. */
export interface CheckResult {
  readonly healthy: boolean;
  /** "connection refused", "HTTP 503". */
  readonly reason: string;
  /** When it came to this, ms. */
  readonly since: number;
  /** It is the endpoint that fails, not the checker. */
  readonly isProven: boolean;
}

/** What of a service fails beyond doubt, by `addressKey`: in the ledger, so that no restart sends callers back to it. */
export type FailingEndpoints = Readonly<Record<string, { readonly reason: string; readonly since: number }>>;

/** Prefix of a rule's name in `get held` and `release-held`. */
export const CHECKS = 'checks:';

export interface CheckRuleOptions {
  readonly name: string;
  /** An endpoint that its registry calls unhealthy is used when the check says that it is well. Disabled ones never are. */
  readonly revive: boolean;
}

interface RuleState {
  readonly options: CheckRuleOptions;
  readonly failing: Set<string>;
  readonly checked: Set<string>;
  /** What fails and may be the checker's fault. */
  readonly doubted: Map<string, { readonly service: ServiceId; readonly key: string; readonly since: number }>;
}

/**
 * What active checks say, over what the registries say. An endpoint that fails while nothing else succeeds is doubted: it is
 * rather the checker that cannot reach it, and it is used until a success elsewhere or an operator says that it is so.
 */
export class CheckVerdicts implements RecordOverlay {
  readonly #rules: readonly RuleState[];
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #results = new Map<ServiceId, Map<string, { readonly rule: RuleState; readonly result: CheckResult }>>();

  constructor(rules: readonly CheckRuleOptions[], { ledger, clock }: { readonly ledger: Ledger; readonly clock: Clock }) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#rules = rules.map((options) => ({ options, failing: new Set(), checked: new Set(), doubted: new Map() }));
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void {
    const results = this.#results.get(id);
    if (results === undefined) return;
    const listed = new Set(record.endpoints.map(addressKey));
    for (const key of [...results.keys()]) if (!listed.has(key)) this.forget(id, key, dirty);
  }

  drop(id: ServiceId, dirty: Set<ServiceId>): void {
    for (const key of [...(this.#results.get(id)?.keys() ?? [])]) this.forget(id, key, dirty);
  }

  view(id: ServiceId, record: ServiceRecord): ServiceRecord {
    const results = this.#results.get(id);
    if (results === undefined) return record;
    let changed = false;
    const endpoints = record.endpoints.map((endpoint) => {
      const known = results.get(addressKey(endpoint));
      if (known === undefined || !known.result.isProven) return endpoint;
      const { healthy } = known.result;
      const health =
        endpoint.health === 'healthy' && !healthy
          ? 'unhealthy'
          : endpoint.health === 'unhealthy' && healthy && known.rule.options.revive
            ? 'healthy'
            : endpoint.health;
      if (health === endpoint.health) return endpoint;
      changed = true;
      return { ...endpoint, health };
    });
    return changed ? { ...record, endpoints } : record;
  }

  /** @param rule index of the rule */
  set(rule: number, id: ServiceId, key: string, result: CheckResult, dirty: Set<ServiceId>): void {
    const state = this.#rules[rule];
    if (state === undefined) return;
    const known = this.#results.get(id)?.get(key);
    const isAsBefore = known?.result.healthy === result.healthy && known.result.isProven === result.isProven;
    if (known?.rule === state && isAsBefore) return;
    this.#remove(id, key);
    const results = this.#results.get(id) ?? new Map<string, { readonly rule: RuleState; readonly result: CheckResult }>();
    results.set(key, { rule: state, result });
    this.#results.set(id, results);
    const endpoint = `${id} ${key}`;
    state.checked.add(endpoint);
    if (!result.healthy) state.failing.add(endpoint);
    if (!result.isProven) state.doubted.set(endpoint, { service: id, key, since: this.#clock.now() });
    dirty.add(id);
    this.#remember(id);
  }

  forget(id: ServiceId, key: string, dirty: Set<ServiceId>): void {
    if (!this.#remove(id, key)) return;
    dirty.add(id);
    this.#remember(id);
  }

  /** What of the service failed before this process began, as long as it is not forgotten. */
  failingBefore(id: ServiceId): FailingEndpoints {
    return (this.#ledger.get('failing', id) ?? {}) as FailingEndpoints;
  }

  resultOf(id: ServiceId, key: string): (CheckResult & { readonly rule: string }) | undefined {
    const known = this.#results.get(id)?.get(key);
    return known && { ...known.result, rule: known.rule.options.name };
  }

  /** Rules with endpoints that fail and are used all the same. */
  held(): readonly {
    readonly rule: string;
    readonly since: number;
    readonly failing: number;
    /** Endpoints about which the rule knows something. */
    readonly of: number;
    readonly services: readonly ServiceId[];
  }[] {
    return this.#rules.flatMap(({ options, doubted, checked }) => {
      if (doubted.size === 0) return [];
      const all = [...doubted.values()];
      return {
        rule: options.name,
        since: Math.min(...all.map(({ since }) => since)),
        failing: doubted.size,
        of: checked.size,
        services: [...new Set(all.map(({ service }) => service))].sort(),
      };
    });
  }

  counts(): readonly { readonly rule: string; readonly checked: number; readonly failing: number }[] {
    return this.#rules.map(({ options, checked, failing }) => ({
      rule: options.name,
      checked: checked.size,
      failing: failing.size,
    }));
  }

  /** An operator says that the checks are right. @returns how many endpoints then count as unhealthy */
  release(id: string, dirty: Set<ServiceId>): number | undefined {
    const rule = this.#rules.find(({ options }) => id === `${CHECKS}${options.name}`);
    if (rule === undefined || rule.doubted.size === 0) return undefined;
    const released = [...rule.doubted.values()];
    rule.doubted.clear();
    for (const { service, key } of released) {
      const results = this.#results.get(service);
      const known = results?.get(key);
      if (known !== undefined) results?.set(key, { rule, result: { ...known.result, isProven: true } });
      dirty.add(service);
    }
    for (const service of new Set(released.map((one) => one.service))) this.#remember(service);
    return released.length;
  }

  #remove(id: ServiceId, key: string): boolean {
    const results = this.#results.get(id);
    const known = results?.get(key);
    if (results === undefined || known === undefined) return false;
    results.delete(key);
    if (results.size === 0) this.#results.delete(id);
    for (const set of [known.rule.checked, known.rule.failing, known.rule.doubted]) set.delete(`${id} ${key}`);
    return true;
  }

  #remember(id: ServiceId): void {
    const failing = [...(this.#results.get(id) ?? [])].flatMap(([key, { result }]) =>
      result.healthy || !result.isProven ? [] : [[key, { reason: result.reason, since: result.since }] as const],
    );
    if (failing.length > 0) this.#ledger.put('failing', id, Object.fromEntries(failing) satisfies FailingEndpoints);
    else if (this.#ledger.get('failing', id) !== undefined) this.#ledger.delete('failing', id);
  }
}
