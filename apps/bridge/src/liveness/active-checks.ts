import { resolve } from 'node:path';
import { AddressRanges, CheckVerdicts, servicePattern } from '@isthmus/catalog';
import type { RecordOverlay } from '@isthmus/catalog';
import type { CheckConfig } from '@isthmus/config';
import { addressKey, messageOf, parseServiceId } from '@isthmus/model';
import type { Clock, Ledger, ServiceId, ServiceRecord } from '@isthmus/model';
import { Prober, probe } from '@isthmus/probe';
import { TrustFile } from './trust-file.ts';

export interface ActiveChecksOptions {
  readonly rules: readonly CheckConfig[];
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Directory that relative paths in the config start from. */
  readonly baseDir: string;
  /** Addresses of a cluster: who lives there is known without asking them. */
  readonly isCovered: (address: string) => boolean;
  /** Services whose view changed. */
  readonly onChange: (services: ReadonlySet<ServiceId>) => void;
}

/** Runs the active checks of the config on what the registries list outside of Kubernetes. */
export class ActiveChecks implements RecordOverlay {
  readonly verdicts: CheckVerdicts;
  readonly #options: ActiveChecksOptions;
  readonly #rules: readonly {
    readonly matches: ReturnType<typeof servicePattern>[];
    readonly targets: AddressRanges;
    readonly prober: Prober;
  }[];
  /** What is checked of a service, and by which rule. */
  readonly #checked = new Map<ServiceId, { readonly rule: number; readonly keys: ReadonlySet<string> }>();

  constructor(options: ActiveChecksOptions) {
    this.#options = options;
    this.verdicts = new CheckVerdicts(options.rules, options);
    this.#rules = options.rules.map((rule, index) => ({
      matches: rule.services.map(servicePattern),
      targets: new AddressRanges(rule.targets),
      prober: this.#prober(rule, index),
    }));
    this.#forgetUnchecked();
  }

  /** Checks that were made, by rule. */
  counts(): readonly { readonly rule: string; readonly targets: number; readonly checks: number }[] {
    return this.#rules.map(({ prober }, i) => ({
      rule: this.#options.rules[i]?.name ?? '',
      targets: prober.size,
      checks: prober.count,
    }));
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void {
    const index = this.#rules.findIndex(({ matches }) => matches.some((test) => test(record.key)));
    const rule = this.#rules[index];
    if (rule === undefined) return;
    const targets = record.endpoints.filter(
      ({ address, addressType, health }) =>
        addressType === 'ip' && health !== 'disabled' && rule.targets.has(address) && !this.#options.isCovered(address),
    );
    const keys = new Set(targets.map(addressKey));
    for (const key of this.#checked.get(id)?.keys ?? []) if (!keys.has(key)) this.#forget(rule.prober, id, key, dirty);
    this.#checked.set(id, { rule: index, keys });
    const before = this.verdicts.failingBefore(id);
    for (const { address, port } of targets) {
      const key = addressKey({ address, port });
      const failing = before[key];
      if (!rule.prober.add({ id: `${id} ${key}`, address, port }, failing !== undefined) || failing === undefined) continue;
      this.verdicts.set(index, id, key, { ...failing, healthy: false, isProven: true }, dirty);
    }
    this.verdicts.put(id, record, dirty);
  }

  drop(id: ServiceId, dirty: Set<ServiceId>): void {
    const checked = this.#checked.get(id);
    const rule = checked && this.#rules[checked.rule];
    if (checked === undefined || rule === undefined) return;
    for (const key of checked.keys) this.#forget(rule.prober, id, key, dirty);
    this.#checked.delete(id);
    this.verdicts.drop(id, dirty);
  }

  view(id: ServiceId, record: ServiceRecord): ServiceRecord {
    return this.verdicts.view(id, record);
  }

  close(): void {
    for (const { prober } of this.#rules) prober.close();
  }

  /** What failed by a rule that is no longer in the config: when it is again, that may be long ago. */
  #forgetUnchecked(): void {
    const { ledger } = this.#options;
    for (const id of [...ledger.entries('failing').keys()]) {
      const key = parseServiceId(id as ServiceId);
      const isChecked = key !== undefined && this.#rules.some(({ matches }) => matches.some((test) => test(key)));
      if (!isChecked) ledger.delete('failing', id);
    }
  }

  #forget(prober: Prober, id: ServiceId, key: string, dirty: Set<ServiceId>): void {
    prober.remove(`${id} ${key}`);
    this.verdicts.forget(id, key, dirty);
  }

  #prober(rule: CheckConfig, index: number): Prober {
    const { tls } = rule;
    const trusted = tls?.caFile === undefined ? undefined : new TrustFile(resolve(this.#options.baseDir, tls.caFile));
    return new Prober(rule, {
      now: () => performance.now(),
      random: Math.random,
      after: (ms, run) => {
        const timer = setTimeout(run, ms).unref();
        return () => clearTimeout(timer);
      },
      probe: async ({ address, port }, signal) => {
        try {
          return await probe(address, port, { ...rule, tls: tls && { ...tls, trusted: await trusted?.context() } }, signal);
        } catch (thrown) {
          // Every check fails then, which is held.
          return { healthy: false, reason: `caFile cannot be read: ${messageOf(thrown)}` };
        }
      },
      onVerdict: ({ id, address, port }, verdict) => {
        const key = addressKey({ address, port });
        const service = id.slice(0, -key.length - 1) as ServiceId;
        const dirty = new Set<ServiceId>();
        const found = verdict.healthy ? { healthy: true, reason: '', isProven: true } : verdict;
        this.verdicts.set(index, service, key, { ...found, since: this.#options.clock.now() }, dirty);
        if (dirty.size > 0) this.#options.onChange(dirty);
      },
    });
  }
}
