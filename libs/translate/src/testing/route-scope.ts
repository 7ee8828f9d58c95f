import { fromJson } from '@bufbuild/protobuf';
import { hostMatches } from '@isthmus/model';
import { DestinationRuleSchema, VirtualServiceSchema } from '@isthmus/proto/istio';
import type { HandOver } from '@isthmus/ladder';
import type { JsonValue } from '@bufbuild/protobuf';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { Proxy } from '../proxy.ts';
import type { RouteServer } from '../routes/gateway-route.ts';
import type { EgressScope, MeshOptions, ProxyScope } from '../scope.ts';
import { meshService } from './mesh-service.ts';
import type { ServiceSketch } from './mesh-service.ts';
import { proxyOf } from './sketches.ts';

export interface ObjectSketch {
  readonly name?: string;
  readonly namespace?: string;
  readonly createdAt?: number;
  readonly spec: JsonValue;
}

/** A mesh as test data writes it: names are long already, everything that is left out is ordinary. */
export interface MeshSketch {
  readonly proxy?: Partial<Proxy>;
  readonly mesh?: Partial<MeshOptions>;
  readonly services?: readonly ServiceSketch[];
  /** In the order of precedence. */
  readonly virtualServices?: readonly ObjectSketch[];
  readonly destinationRules?: readonly ObjectSketch[];
  /** By `host:port`. */
  readonly handOvers?: Readonly<Record<string, HandOver>>;
  /** For routers: the servers of each route. */
  readonly servers?: Readonly<Record<string, readonly RouteServer[]>>;
}

/** A scope in which everything is visible. */
export function routeScope(sketch: MeshSketch): ProxyScope {
  const services = new Map((sketch.services ?? []).map((each) => [each.host as MeshHost, meshService(each)]));
  const rules = (sketch.virtualServices ?? []).map(virtualService);
  const destinationRules = (sketch.destinationRules ?? []).map(destinationRule);
  const bound = (gateway: string) =>
    rules.filter(({ spec }) => (spec.gateways.length === 0 ? gateway === 'mesh' : spec.gateways.includes(gateway)));
  return {
    proxy: { ...proxyOf({ addresses: ['10.0.0.1'] }), ...sketch.proxy },
    mesh: { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any', ...sketch.mesh },
    egress: [egressScope(services, bound('mesh'))],
    sidecar: undefined,
    service: (host) => services.get(host),
    destinationRule: (host) => destinationRules.find(({ spec }) => hostMatches(spec.host, host)),
    handOver: (host, port) => sketch.handOvers?.[`${host}:${port}`],
    virtualServicesOf: bound,
    gateways: [],
    own: [],
  };
}

export function virtualService({
  name = 'it',
  namespace = 'shop',
  createdAt = 0,
  spec,
}: ObjectSketch): IstioObject<'VirtualService'> {
  const rest = { labels: {}, annotations: {}, version: JSON.stringify(spec), place: 'test' };
  return { kind: 'VirtualService', name, namespace, createdAt, spec: fromJson(VirtualServiceSchema, spec), ...rest };
}

function destinationRule({ name = 'it', namespace = 'shop', createdAt = 0, spec }: ObjectSketch): IstioObject<'DestinationRule'> {
  const rest = { labels: {}, annotations: {}, version: JSON.stringify(spec), place: 'test' };
  return { kind: 'DestinationRule', name, namespace, createdAt, spec: fromJson(DestinationRuleSchema, spec), ...rest };
}

function egressScope(
  services: ReadonlyMap<MeshHost, MeshService>,
  virtualServices: readonly IstioObject<'VirtualService'>[],
): EgressScope {
  return {
    port: undefined,
    bind: '',
    captureMode: 'default',
    services: () => services.values(),
    servicesOfNow: () => [...services.values()],
    servicesOn: (port) => [...services.values()].filter(({ ports }) => ports.some(({ number }) => number === port)),
    sharedOn: () => [], // routes ask for none of these
    servicesAt: () => [],
    service: (host) => services.get(host),
    virtualServices: () => virtualServices,
  };
}
