import type { IstioObject } from '@isthmus/proto/istio';
import { compareAge } from './age.ts';

/** What ProxyConfigs say of one workload. */
export interface EffectiveProxyConfig {
  /** Envoy's worker threads; undefined: nobody says. */
  readonly concurrency: number | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** `''`: nobody says. */
  readonly imageType: string;
}

interface Workload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rootNamespace: string;
}

/**
 * As istiod merges them (`EffectiveProxyConfig`): the root namespace's, over it the namespace's, over it the one that selects the
 * workload; of several at one level the oldest alone. Variables are merged one by one. A selector without labels selects nobody.
 */
export function effectiveProxyConfig(
  objects: Iterable<IstioObject<'ProxyConfig'>>,
  { namespace, labels, rootNamespace }: Workload,
): EffectiveProxyConfig {
  const all = [...objects].sort(compareAge);
  const ofNamespace = (where: string): IstioObject<'ProxyConfig'> | undefined =>
    all.find((one) => one.namespace === where && one.spec.selector === undefined);
  const ofWorkload = all.find((one) => {
    const wanted = Object.entries(one.spec.selector?.matchLabels ?? {});
    return one.namespace === namespace && wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
  });
  const specs = [ofNamespace(rootNamespace), ofNamespace(namespace), ofWorkload].flatMap((one) => one?.spec ?? []);
  return {
    concurrency: specs.findLast((spec) => spec.concurrency !== undefined)?.concurrency,
    environment: Object.assign({}, ...specs.map((spec) => spec.environmentVariables)) as Record<string, string>,
    imageType: specs.findLast((spec) => (spec.image?.imageType ?? '') !== '')?.image?.imageType ?? '',
  };
}
