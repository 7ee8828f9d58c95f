import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { MemoryLedger } from '@isthmus/ledger';
import type { MeshService } from '@isthmus/model';
import { IstioConfigStore, parseIstioYaml } from '@isthmus/policy';
import type { IstioFile } from '@isthmus/policy';
import { istioSection } from '@isthmus/config';
import type { MeshOptions } from '@isthmus/translate';
import type { NodeInfo } from '@isthmus/xds';
import { meshOptions } from '../../apps/bridge/src/istio/mesh-options.ts';
import { ServiceEntrySource } from '../../apps/bridge/src/istio/service-entry-source.ts';
import { openMesh } from '../../apps/bridge/src/mesh/open-mesh.ts';
import type { Mesh } from '../../apps/bridge/src/mesh/open-mesh.ts';
import type { OracleCase } from './oracle-case.ts';
import { proxyNode } from './proxy-node.ts';
import { isObject } from './resource-set.ts';

/** The bridge's line for the objects of a case, without its servers: store ──▶ source ──▶ catalog ──▶ mesh. */
export interface CaseBridge extends Mesh {
  /** All there are, seen by the node or not. */
  readonly services: readonly MeshService[];
}

/** @throws {Error} when an object is refused */
export async function bridgeOf(oracleCase: OracleCase): Promise<CaseBridge> {
  const file = parseIstioYaml(oracleCase.yaml, { file: oracleCase.name, defaultNamespace: 'default' });
  const errors = file.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ line, what }) => `${oracleCase.name}:${line}: ${what}`).join('\n'));
  const services = await servicesOf(oracleCase.name, file);
  const { publisher, views } = openMesh(optionsOf(oracleCase));
  publisher.queueRules(file.objects.map((after) => ({ before: undefined, after })));
  for (const _ of publisher.applyRules());
  for (const service of services) publisher.publish(service.host, service);
  publisher.commit();
  for (const _ of publisher.composeRoutes());
  return { publisher, views, services };
}

/** What the node says of itself. */
export function nodeInfo({ node }: OracleCase): NodeInfo {
  const { id, cluster, locality, metadata } = proxyNode(node);
  const { region, zone, subZone } = locality;
  return { id, cluster, metadata, userAgent: 'envoy 1.40.0', locality: { region, zone, subzone: subZone } };
}

async function servicesOf(place: string, file: IstioFile): Promise<readonly MeshService[]> {
  const store = new IstioConfigStore();
  store.set(place, file);
  const catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: false, // istiod of the oracle has no controller that would
  });
  const end = new AbortController();
  for await (const event of new ServiceEntrySource(store, Promise.resolve(), { meshId: 'oracle' }).watch(end.signal)) {
    catalog.apply(event);
    if (event.kind === 'status' && event.status.state === 'live') end.abort();
  }
  return [...catalog.hosts()].flatMap((host) => catalog.merged(host) ?? []);
}

/** The case's MeshConfig as the bridge's config has it. @throws {Error} when that takes it otherwise */
function optionsOf({ name, mesh: all }: OracleCase): MeshOptions {
  // Of identity and telemetry nothing is built yet: both sides are told to do without.
  const { outboundTrafficPolicy: policy, enableAutoMtls: _mtls, enableTracing: _tracing, ...mesh } = all;
  const registryOnly = isObject(policy) && policy['mode'] === 'REGISTRY_ONLY';
  const section = istioSection.safeParse({ ...mesh, outboundTrafficPolicy: registryOnly ? 'registry-only' : 'allow-any' });
  if (!section.success) throw new Error(`${name}: ${section.error.message}`);
  return meshOptions(section.data);
}
