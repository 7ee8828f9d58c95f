import { fromJson } from '@bufbuild/protobuf';
import { NOWHERE } from '@isthmus/model';
import { DestinationRuleSchema } from '@isthmus/proto/istio';
import type { JsonValue } from '@bufbuild/protobuf';
import type { Locality } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { Proxy } from '../proxy.ts';

export type ProxySketch = Partial<Omit<Proxy, 'locality'>> & { readonly locality?: Partial<Locality> };

/** A sidecar that tells nothing of itself but what the sketch says. */
export function proxyOf(sketch: ProxySketch = {}): Proxy {
  return {
    kind: 'sidecar',
    grpc: false,
    namespace: 'shop',
    dnsDomain: 'shop.svc.cluster.local',
    addresses: ['10.9.9.9'],
    labels: {},
    interception: 'redirect',
    egress: undefined,
    cluster: '',
    network: '',
    ...sketch,
    locality: { ...NOWHERE, ...sketch.locality },
  };
}

/** A DestinationRule from the JSON of its spec. */
export function ruleOf(spec: JsonValue, annotations: Readonly<Record<string, string>> = {}): IstioObject<'DestinationRule'> {
  return {
    kind: 'DestinationRule',
    namespace: 'shop',
    name: 'rule',
    labels: {},
    annotations,
    createdAt: 0,
    spec: fromJson(DestinationRuleSchema, spec),
    version: JSON.stringify([spec, annotations]),
    place: 'test',
  };
}
