import { addressKey } from '@isthmus/model';
import type { Clock, ServiceId, ServiceRecord } from '@isthmus/model';
import type { RecordOverlay } from '../record-overlay.ts';

/** What an active check found of one endpoint. */
export interface CheckResult {
  readonly healthy: boolean;
  /** "connection refused", "HTTP 503". */
  readonly reason: string;
  /** When it came to this, ms. */
  readonly since: number;
}

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
  readonly services: Map<ServiceId, number>;
  trippedSince: number | undefined;
  released: boolean;
}

/**
 * What active checks say, over what the registries say. When everything that a rule checks fails (two endpoints at
 * least) it is the checker that cannot reach them: the rule is tripped and nothing of it counts until one check succeeds
 * or an operator says that it is so.
 */
export class CheckVerdicts implements RecordOverlay {
  readonly #rules: readonly RuleState[];
  readonly #clock: Clock;
  readonly #results = new Map<ServiceId, Map<string, { readonly rule: RuleState; readonly result: CheckResult }>>();

  constructor(rules: readonly CheckRuleOptions[], clock: Clock) {
    this.#clock = clock;
    this.#rules = rules.map((options) => ({
      options,
      failing: new Set(),
      checked: new Set(),
      services: new Map(),
      trippedSince: undefined,
      released: false,
    }));
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
      if (known === undefined || isTripped(known.rule)) return endpoint;
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
    if (known?.rule === state && known.result.healthy === result.healthy) return;
    this.forget(id, key, dirty);
    const results = this.#results.get(id) ?? new Map<string, { readonly rule: RuleState; readonly result: CheckResult }>();
    results.set(key, { rule: state, result });
    this.#results.set(id, results);
    state.checked.add(`${id} ${key}`);
    state.services.set(id, (state.services.get(id) ?? 0) + 1);
    if (!result.healthy) state.failing.add(`${id} ${key}`);
    dirty.add(id);
    this.#trip(state, dirty);
  }

  forget(id: ServiceId, key: string, dirty: Set<ServiceId>): void {
    const results = this.#results.get(id);
    const known = results?.get(key);
    if (results === undefined || known === undefined) return;
    results.delete(key);
    if (results.size === 0) this.#results.delete(id);
    const { rule } = known;
    rule.checked.delete(`${id} ${key}`);
    rule.failing.delete(`${id} ${key}`);
    const left = (rule.services.get(id) ?? 0) - 1;
    if (left > 0) rule.services.set(id, left);
    else rule.services.delete(id);
    dirty.add(id);
    this.#trip(rule, dirty);
  }

  resultOf(id: ServiceId, key: string): (CheckResult & { readonly rule: string; readonly tripped: boolean }) | undefined {
    const known = this.#results.get(id)?.get(key);
    return known && { ...known.result, rule: known.rule.options.name, tripped: isTripped(known.rule) };
  }

  tripped(): readonly {
    readonly rule: string;
    readonly since: number;
    readonly failing: number;
    readonly services: readonly ServiceId[];
  }[] {
    return this.#rules.flatMap((rule) =>
      rule.trippedSince === undefined || rule.released
        ? []
        : [
            {
              rule: rule.options.name,
              since: rule.trippedSince,
              failing: rule.failing.size,
              services: [...rule.services.keys()].sort(),
            },
          ],
    );
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
    if (rule === undefined || !isTripped(rule)) return undefined;
    rule.released = true;
    for (const service of rule.services.keys()) dirty.add(service);
    return rule.failing.size;
  }

  #trip(rule: RuleState, dirty: Set<ServiceId>): void {
    const all = rule.failing.size >= 2 && rule.failing.size === rule.checked.size;
    if (all === (rule.trippedSince !== undefined)) return;
    rule.trippedSince = all ? this.#clock.now() : undefined;
    rule.released = false;
    for (const service of rule.services.keys()) dirty.add(service);
  }
}

function isTripped(rule: RuleState): boolean {
  return rule.trippedSince !== undefined && !rule.released;
}
