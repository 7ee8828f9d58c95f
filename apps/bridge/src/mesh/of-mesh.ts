import { ProxyScopes } from '@isthmus/policy';
import type { MeshOptions, Proxy } from '@isthmus/translate';
import type { ConsumerPolicies } from './consumer-policies.ts';
import { DefaultVisibility } from './default-visibility.ts';
import { Distinctions } from './distinctions.ts';
import { Rules } from './rules.ts';
import type { ServiceIndex } from './service-index.ts';
import { Translations } from './translations.ts';

/** What is made for one set of options of the mesh, and anew for another. */
export interface OfMesh {
  readonly domain: string;
  readonly rules: Rules;
  readonly scopes: ProxyScopes<Proxy, MeshOptions>;
  readonly distinctions: Distinctions;
  readonly translations: Translations;
  readonly exported: DefaultVisibility;
}

export function ofMesh(mesh: MeshOptions, services: ServiceIndex, consumers: ConsumerPolicies): OfMesh {
  const rules = new Rules(mesh, consumers);
  return {
    domain: mesh.domain,
    rules,
    scopes: new ProxyScopes(mesh, services, rules),
    distinctions: new Distinctions(mesh.localityLb),
    translations: new Translations(mesh),
    exported: new DefaultVisibility(mesh.exportTo?.services),
  };
}
