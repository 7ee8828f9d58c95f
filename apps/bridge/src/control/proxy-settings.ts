import type { ProxySettingsView } from '@isthmus/contract';
import { effectiveProxyConfig } from '@isthmus/policy';
import type { IstioConfigStore } from '@isthmus/policy';
import { ProblemException } from './problem.ts';

/** Of one answer; who asks wants to know that there are some. */
const MOST_LISTED = 1_000;
/** Far above what a node has. */
const MOST_LABELS = 500;

export interface ProxySettingsQuery {
  readonly namespace?: unknown;
  readonly label?: unknown;
}

export interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What ProxyConfigs say of a workload, and whether something may be missing. */
export function proxySettings(
  store: Pick<IstioConfigStore, 'objects' | 'diagnostics'>,
  workload: Workload & { readonly rootNamespace: string },
): ProxySettingsView {
  const { concurrency, environment, imageType } = effectiveProxyConfig(store.objects('ProxyConfig'), workload);
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    environmentVariables: environment,
    ...(imageType === '' ? {} : { imageType }),
    diagnostics: [...store.diagnostics('ProxyConfig').take(MOST_LISTED)],
  };
}

/** @throws ProblemException where it names no workload */
export function workloadOf({ namespace, label = [] }: ProxySettingsQuery): Workload {
  if (typeof namespace !== 'string' || namespace === '')
    throw notUnderstood('the parameter namespace is missing', 'ask for namespace=NAME of the workload');
  const given = Array.isArray(label) ? (label as readonly unknown[]) : [label];
  if (given.length > MOST_LABELS) throw notUnderstood(`there are more than ${MOST_LABELS} labels`, 'send those of the workload');
  return { namespace, labels: Object.fromEntries(given.map(labelOf)) };
}

function labelOf(label: unknown): readonly [name: string, value: string] {
  const at = typeof label === 'string' ? label.indexOf('=') : 0;
  if (typeof label !== 'string' || at < 1)
    throw notUnderstood('a parameter label has no name and value', 'ask for label=NAME=VALUE, and again for each more');
  return [label.slice(0, at), label.slice(at + 1)];
}

function notUnderstood(detail: string, remedy: string): ProblemException {
  return new ProblemException(400, 'No workload', detail, remedy);
}
