import type { IstioObject } from '@isthmus/proto/istio';
import { checkSubsetName } from './destination.ts';
import { checkLabels, checkWildcardHost } from './names.ts';
import { checkExportTo, checkSelector } from './selectors.ts';
import type { Spot } from './spot.ts';
import { checkTrafficPolicy } from './traffic-policy.ts';

export function checkDestinationRule({ namespace, spec }: IstioObject<'DestinationRule'>, at: Spot): void {
  checkWildcardHost(spec.host, at.at('host'));
  checkTrafficPolicy(namespace, spec.trafficPolicy, at.at('trafficPolicy'));
  const names = spec.subsets.map(({ name }) => name);
  for (const [i, subset] of spec.subsets.entries()) {
    const here = at.at('subsets', i);
    if (names.indexOf(subset.name) < i)
      here.at('name').error(`is ${JSON.stringify(subset.name)}, which is there already`, 'give every subset a name of its own');
    checkSubsetName(subset.name, here.at('name'));
    checkLabels(subset.labels, here.at('labels'));
    checkTrafficPolicy(namespace, subset.trafficPolicy, here.at('trafficPolicy'));
  }
  checkExportTo(
    namespace,
    spec.exportTo,
    { allowsNone: false, staysHome: spec.workloadSelector !== undefined },
    at.at('exportTo'),
  );
  checkSelector(spec.workloadSelector?.matchLabels, at.at('workloadSelector'), 'matchLabels');
}
