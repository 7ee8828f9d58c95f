import { istioObject, serviceEntry } from './istio-files.ts';
import type { ServiceInstance } from './istio-files.ts';
import { BALANCING } from './istiod-cases/balancing.ts';
import { CHANGES } from './istiod-cases/changes.ts';
import { FAILURES } from './istiod-cases/failures.ts';
import { MATCHES } from './istiod-cases/matches.ts';
import { HOST } from './istiod-cases/rule-case.ts';
import type { RuleCase } from './istiod-cases/rule-case.ts';

export const CASES: readonly RuleCase[] = [...MATCHES, ...CHANGES, ...FAILURES, ...BALANCING];

export const hostOf = (at: number): string => `case-${at}.test`;

/** A case's objects, with its host and its instances in them. */
export function objectsOf(at: number, all: readonly ServiceInstance[]): readonly object[] {
  const { http, policy, instances = ['v1', 'v2', 'v3'], more = [] } = CASES[at] as RuleCase;
  const host = hostOf(at);
  const members = all.filter(({ name }) => instances.includes(name));
  const subsets = instances.map((name) => ({ name, labels: { version: name } }));
  const objects = [
    serviceEntry(host, members),
    istioObject('DestinationRule', `case-${at}`, { host, subsets, ...(policy && { trafficPolicy: policy }) }),
    ...(http === undefined ? [] : [istioObject('VirtualService', `case-${at}`, { hosts: [host], http })]),
    ...more.map((object) => {
      const [other] = (object.spec as { hosts?: readonly string[] }).hosts ?? [];
      return object.kind === 'ServiceEntry' ? serviceEntry(other as string, members) : object;
    }),
  ];
  return JSON.parse(JSON.stringify(objects).replaceAll(HOST, host)) as object[];
}
