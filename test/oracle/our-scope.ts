import type { MeshService } from '@isthmus/model';
import { ProxyScopes, parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import type { MeshOptions, Proxy, ProxyScope } from '@isthmus/translate';
import { proxyOf } from '../../apps/bridge/src/mesh/proxy-of.ts';
import { Rules } from '../../apps/bridge/src/mesh/rules.ts';
import { ServiceIndex } from '../../apps/bridge/src/mesh/service-index.ts';
import { isObject } from './resource-set.ts';
import type { OracleCase } from './oracle-case.ts';
import { proxyNode } from './proxy-node.ts';
import { servicesOf } from './our-services.ts';

/** The mesh as the node of a case sees it. */
export interface CaseMesh {
  readonly scope: ProxyScope;
  /** All there are, seen or not. */
  readonly services: readonly MeshService[];
  /** The DestinationRule of a service as its receivers have it. */
  readonly inboundRule: (service: MeshService) => IstioObject<'DestinationRule'> | undefined;
}

/** The parts of the bridge, put together for one node. @throws {Error} when an object is refused */
export function caseMesh(oracleCase: OracleCase): CaseMesh {
  const file = parseIstioYaml(oracleCase.yaml, { file: oracleCase.name, defaultNamespace: 'default' });
  const errors = file.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ line, what }) => `${oracleCase.name}:${line}: ${what}`).join('\n'));
  const mesh = meshOf(oracleCase);
  const catalog = new ServiceIndex();
  const services = servicesOf(file.objects);
  for (const service of services) catalog.set(service.host, service);
  const rules = new Rules(mesh);
  const changes = file.objects.flatMap((after) => rules.take({ before: undefined, after }));
  const scopes = new ProxyScopes<Proxy, MeshOptions>(mesh, catalog, rules);
  scopes.onObjects(changes);
  const proxy = proxyOfCase(oracleCase);
  return { scope: scopes.scopeFor(proxy), services, inboundRule: (service) => rules.inbound(proxy, service) };
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
