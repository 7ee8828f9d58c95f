import type { MeshService } from '@isthmus/model';
import { DestinationRules, ProxyScopes, VirtualServices, parseIstioYaml } from '@isthmus/policy';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import type { MeshOptions, Proxy, ProxyScope } from '@isthmus/translate';
import { proxyOf } from '../../apps/bridge/src/mesh/proxy-of.ts';
import { ServiceIndex } from '../../apps/bridge/src/mesh/service-index.ts';
import { isObject } from './resource-set.ts';
import type { OracleCase } from './oracle-case.ts';
import { proxyNode } from './proxy-node.ts';
import { servicesOf } from './our-services.ts';

/** The mesh as the node of the case sees it: the parts of the bridge, put together without it. @throws {Error} when an object is refused */
export function scopeOfCase(oracleCase: OracleCase): { readonly scope: ProxyScope; readonly services: readonly MeshService[] } {
  const file = parseIstioYaml(oracleCase.yaml, { file: oracleCase.name, defaultNamespace: 'default' });
  const errors = file.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ line, what }) => `${oracleCase.name}:${line}: ${what}`).join('\n'));
  const mesh = meshOf(oracleCase);
  const catalog = new ServiceIndex();
  const services = servicesOf(file.objects);
  for (const service of services) catalog.set(service.host, service);
  const virtualServices = new VirtualServices(mesh.domain);
  for (const rule of ofKind(file.objects, 'VirtualService')) virtualServices.set(rule);
  const destinationRules = new DestinationRules(mesh);
  for (const rule of ofKind(file.objects, 'DestinationRule')) destinationRules.set(rule);
  const scopes = new ProxyScopes<Proxy, MeshOptions>(mesh, catalog, {
    virtualServices: (namespace, gateway) => virtualServices.virtualServices(namespace, gateway),
    destinationRule: (proxy, service) => destinationRules.outbound(service, proxy),
  });
  const chosen = [...ofKind(file.objects, 'Sidecar'), ...ofKind(file.objects, 'Gateway')];
  scopes.onObjects(chosen.map((after) => ({ before: undefined, after })));
  return { scope: scopes.scopeFor(proxyOfCase(oracleCase)), services };
}

function meshOf({ mesh }: OracleCase): MeshOptions {
  const policy = mesh['outboundTrafficPolicy'];
  const registryOnly = isObject(policy) && policy['mode'] === 'REGISTRY_ONLY';
  return { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: registryOnly ? 'registry-only' : 'allow-any' };
}

function proxyOfCase({ name, node }: OracleCase): Proxy {
  const { id, cluster, locality, metadata } = proxyNode(node);
  const { region, zone, subZone } = locality;
  const info = { id, cluster, metadata, userAgent: 'envoy 1.40.0', locality: { region, zone, subzone: subZone } };
  const proxy = proxyOf(info, { namespace: 'default', domain: 'cluster.local' });
  if ('refused' in proxy) throw new Error(`${name}: ${proxy.refused}`);
  return proxy;
}

function ofKind<K extends IstioKind>(objects: readonly IstioObject[], kind: K): readonly IstioObject<K>[] {
  return objects.filter((object): object is IstioObject<K> => object.kind === kind);
}
