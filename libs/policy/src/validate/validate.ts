import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import type { Issue } from '../load/problem.ts';
import { checkDestinationRule } from './destination-rule.ts';
import { checkGateway } from './gateway.ts';
import { isLabel } from './names.ts';
import { checkSelector } from './selectors.ts';
import { checkServiceEntry } from './service-entry.ts';
import { checkSidecar } from './sidecar.ts';
import { Spot } from './spot.ts';
import { checkVirtualService } from './virtual-service.ts';
import { checkWorkloadEntry, checkWorkloadGroup } from './workload.ts';

/** Annotations that only istiod itself, or another kind, may have. */
const FORBIDDEN = [
  'istio.io/dry-run',
  'internal.istio.io/webhook-always-reject',
  'internal.istio.io/parents',
  'internal.istio.io/parent-namespace',
];

/** What the validator of Istio (`pkg/config/validation`) says of the object, field by field. */
export function validate(object: IstioObject): readonly Issue[] {
  const issues: Issue[] = [];
  for (const name of FORBIDDEN)
    if (Object.hasOwn(object.annotations, name))
      issues.push({
        severity: 'error',
        path: ['annotations', name],
        inMetadata: true,
        what: `is not for ${object.kind}`,
        remedy: 'take it out',
      });
  if (object.kind === 'Gateway' && !isLabel(object.name))
    issues.push({
      severity: 'error',
      path: ['name'],
      inMetadata: true,
      what: `is ${JSON.stringify(object.name)}`,
      remedy: 'use no dots: a Gateway is named namespace/name',
    });
  check(object, Spot.root(issues));
  return issues;
}

type Checks = { readonly [K in IstioKind]: (object: IstioObject<K>, at: Spot) => void };

const CHECKS: Checks = {
  VirtualService: checkVirtualService,
  DestinationRule: checkDestinationRule,
  Gateway: checkGateway,
  ServiceEntry: checkServiceEntry,
  WorkloadEntry: checkWorkloadEntry,
  WorkloadGroup: checkWorkloadGroup,
  Sidecar: checkSidecar,
  ProxyConfig: ({ spec }, at) => {
    checkSelector(spec.selector?.matchLabels, at.at('selector'), 'matchLabels');
    if ((spec.concurrency ?? 0) < 0)
      at.at('concurrency').error(`is ${spec.concurrency}`, 'use 0 or more; 0 is one for each core');
  },
};

function check<K extends IstioKind>(object: IstioObject<K>, at: Spot): void {
  CHECKS[object.kind](object, at);
}
