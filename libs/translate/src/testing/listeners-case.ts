import { readFileSync, readdirSync } from 'node:fs';
import { atOnce } from '@isthmus/model';
import { DestinationRules, ProxyScopes, VirtualServices, parseIstioYaml } from '@isthmus/policy';
import { parseDocument } from 'yaml';
import type { Diagnostic, MeshHost, MeshService, Resource } from '@isthmus/model';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import { gatewayDiagnostics, gatewayListeners } from '../gateways/gateway-listeners.ts';
import { mergeGateways } from '../gateways/merge.ts';
import { grpcListener } from '../listeners/grpc.ts';
import { sidecarListenerKeys, sidecarListeners } from '../listeners/sidecar-listeners.ts';
import type { Proxy } from '../proxy.ts';
import type { MeshOptions, OwnPort, ProxyScope } from '../scope.ts';
import { meshService } from './mesh-service.ts';
import type { ServiceSketch } from './mesh-service.ts';
import { proxyOf } from './sketches.ts';

interface Header {
  readonly proxy?: Partial<Proxy>;
  readonly outbound?: MeshOptions['outbound'];
  readonly services?: readonly (ServiceSketch & { readonly addresses?: string[] })[];
  /** Proxyless gRPC: the names that it asks for. */
  readonly asks?: readonly string[];
}

const listenerCases = new URL('../../testdata/listeners/in/', import.meta.url);

/** A file of testdata/listeners/in: a header, then Istio's objects. */
export function readListenersCase(name: string): { readonly scope: ProxyScope; readonly asks: readonly string[] } {
  const text = readFileSync(new URL(`${name}.yaml`, listenerCases), 'utf8');
  const [head = '', ...objects] = text.split(/^---$/m);
  const header = parseDocument(head).toJS() as Header;
  return { scope: scopeOf(header, objects.join('---')), asks: header.asks ?? [] };
}

export function listenerCaseNames(): readonly string[] {
  return readdirSync(listenerCases).map((file) => file.replace(/\.yaml$/, ''));
}

export function listenersOf(scope: ProxyScope, asks: readonly string[]): readonly Resource[] {
  if (scope.proxy.grpc) return asks.flatMap((name) => grpcListener(scope, name) ?? []);
  if (scope.proxy.kind === 'router') return gatewayListeners(scope, mergeGateways(scope.gateways, scope.own));
  return [...new Set(sidecarListenerKeys(scope))].flatMap((key) => sidecarListeners(scope, key));
}

export function listenerDiagnostics(scope: ProxyScope): readonly Diagnostic[] {
  return [...mergeGateways(scope.gateways, scope.own).diagnostics, ...gatewayDiagnostics(scope)];
}

/** @param yaml Istio’s objects */
export function scopeOf({ proxy, outbound, services = [] }: Header, yaml: string): ProxyScope {
  const { objects, problems } = parseIstioYaml(yaml, { file: 'objects.yaml', defaultNamespace: 'shop' });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const mesh: MeshOptions = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: outbound ?? 'allow-any' };
  const byHost = new Map(services.map((sketch) => [sketch.host as MeshHost, serviceOf(sketch)]));
  const rules = new VirtualServices(mesh.domain);
  for (const rule of ofKind(objects, 'VirtualService')) rules.set(rule);
  const destinationRules = new DestinationRules(mesh);
  for (const rule of ofKind(objects, 'DestinationRule')) destinationRules.set(rule);
  const catalog = {
    all: () => byHost.values(),
    get: (host: MeshHost) => byHost.get(host),
    ofAddress: (ip: string) => served(byHost.values(), ip),
  };
  const scopes = new ProxyScopes<Proxy, MeshOptions>(mesh, catalog, {
    virtualServices: (namespace, gateway) => rules.virtualServices(namespace, gateway),
    destinationRule: (client, service) => destinationRules.outbound(service, client),
  });
  atOnce(scopes.onObjects(objects.map((after) => ({ before: undefined, after }))));
  return scopes.scopeFor({ ...WEB, ...proxy });
}

const WEB = proxyOf({ labels: { app: 'web' } });

function serviceOf({ addresses, ...sketch }: NonNullable<Header['services']>[number]): MeshService {
  const service = meshService({ namespace: 'shop', ...sketch });
  const { resolution } = service;
  const declared = { resolution, addresses: addresses ?? [], external: false, createdAt: 0, labels: {}, subjectAltNames: [] };
  return { ...service, ...(addresses && { declared }) };
}

function served(services: Iterable<MeshService>, ip: string): readonly OwnPort[] {
  return [...services].flatMap((service) =>
    service.endpoints.flatMap(({ endpoint, portName }) => {
      const port = service.ports.find(({ name }) => name === portName);
      return endpoint.address === ip && port !== undefined ? [{ service, port, targetPort: endpoint.port }] : [];
    }),
  );
}

function ofKind<K extends IstioKind>(objects: readonly IstioObject[], kind: K): readonly IstioObject<K>[] {
  return objects.filter((object): object is IstioObject<K> => object.kind === kind);
}
