import { networkInterfaces } from 'node:os';
import type { AgentDiagnosticReport, AgentReport, SdkViewReport, TargetReport } from '@isthmus/contract';
import { rankOf } from '@isthmus/ladder';
import type { Rung } from '@isthmus/ladder';
import type { TargetCounts } from './arm-counts.ts';
import { askSources } from './report-sources.ts';

/** A target as it is now. */
export interface ReportedTarget {
  /** `host:port` */
  readonly authority: string;
  readonly effective: { readonly rung: Rung; readonly percent: number };
  readonly why?: string;
  readonly counts: TargetCounts;
  readonly view?: SdkViewReport;
}

export interface ReportBookOptions {
  readonly service: string;
  readonly instance: string;
  readonly version: string;
  readonly planVersion: () => string;
  readonly targets: () => Iterable<ReportedTarget>;
}

/** Targets of one report; 500 of them with their counts have about 200 kB. */
const TARGETS_A_REPORT = 500;
const MOST_DIAGNOSTICS = 20;
/** Each target is told anew at least this often (in reports), changed or not. */
const ALL_EVERY = 6;

/** Not those of loopback. */
function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  return all.flatMap(({ address, internal }) => (internal ? [] : [address])).slice(0, 16);
}

/** Makes the reports: what was counted and what is another since the last ones. */
export class ReportBook {
  readonly #options: ReportBookOptions;
  readonly #told = new Map<string, string>();
  #diagnostics: AgentDiagnosticReport[] = [];
  #turn = 0;
  #seq = 0;

  constructor(options: ReportBookOptions) {
    this.#options = options;
  }

  note(diagnostic: AgentDiagnosticReport): void {
    if (this.#diagnostics.length < MOST_DIAGNOSTICS) this.#diagnostics.push(diagnostic);
  }

  /** The next reports are of everything: the control plane may have forgotten what it knew. */
  forget(): void {
    this.#turn = 0;
  }

  /** At least one; several where there are many targets. */
  make(): readonly AgentReport[] {
    const { service, instance, version, planVersion } = this.#options;
    const targets = this.#targets(this.#turn % ALL_EVERY === 0);
    this.#turn += 1;
    const base = {
      schema: 1,
      service,
      instance,
      addresses: ownAddresses(),
      agent: version,
      node: process.version,
      planVersion: planVersion(),
    } as const;
    const [provider] = askSources((source) => source.provider?.());
    const policies = askSources((source) => source.policies?.()).flat();
    const first: AgentReport = {
      ...base,
      seq: (this.#seq += 1),
      targets: targets.slice(0, TARGETS_A_REPORT),
      diagnostics: this.#diagnostics,
      ...(provider === undefined ? {} : { provider }),
      ...(policies.length === 0 ? {} : { policies }),
    };
    this.#diagnostics = [];
    const more: AgentReport[] = [];
    for (let at = TARGETS_A_REPORT; at < targets.length; at += TARGETS_A_REPORT)
      more.push({ ...base, seq: (this.#seq += 1), targets: targets.slice(at, at + TARGETS_A_REPORT), diagnostics: [] });
    return [first, ...more];
  }

  #targets(all: boolean): TargetReport[] {
    const targets: TargetReport[] = [];
    const seen = new Set<string>();
    for (const { authority, effective, why, counts, view } of this.#options.targets()) {
      // Below 0 where a handle was asked for an address that was not called.
      const byInstance = Math.max(0, counts.byInstance);
      seen.add(authority);
      const colon = authority.lastIndexOf(':');
      const [host, port] = [authority.slice(0, colon), Number(authority.slice(colon + 1))];
      const breakers = askSources((source) => source.breakersOf?.(host, port)).flat();
      const state = JSON.stringify([effective, why, view?.hash, view?.bugs, breakers]);
      const news = all || effective.rung === 'shadow' || this.#told.get(authority) !== state || view?.endpoints !== undefined;
      if (!news && counts.sdk.isEmpty && counts.mesh.isEmpty && byInstance === 0) continue;
      this.#told.set(authority, state);
      counts.byInstance = 0;
      targets.push({
        host,
        port,
        effective,
        ...(why === undefined ? {} : { why }),
        ...(view === undefined ? {} : { view }),
        byInstance,
        arms: { sdk: counts.sdk.take(), mesh: counts.mesh.take() },
        breakers,
      });
    }
    for (const authority of this.#told.keys()) if (!seen.has(authority)) this.#told.delete(authority);
    return targets.sort((a, b) => rankOf(b.effective.rung) - rankOf(a.effective.rung));
  }
}
