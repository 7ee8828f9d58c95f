import type { ExplainedRules, ExplainedVirtualService } from '@isthmus/contract';
import { hostMatches } from '@isthmus/model';
import type { Diagnostic, MeshService } from '@isthmus/model';
import { importsService } from '@isthmus/policy';
import type { AppliedRule } from '@isthmus/policy';
import { ruleDiagnostics } from '@isthmus/translate';
import type { Engine } from '../engine/engine.ts';
import { destinationHosts } from '../mesh/rules-by-host.ts';

/** Istio's rules in force that concern the service; undefined: there are none. Looks at every rule: for people. */
export function explainRules(engine: Engine, service: MeshService): ExplainedRules | undefined {
  const { rules } = engine.mesh.publisher;
  const merged = [...rules.virtual.all()].filter(({ rule }) => concern(rule.spec.hosts, destinationHosts(rule), service.host));
  const applied = [...rules.destinations.applying(service)];
  const sidecars = [...engine.istio.store.objects('Sidecar')].filter((sidecar) => !importsService(sidecar, service));
  if (merged.length + applied.length + sidecars.length === 0) return undefined;
  const virtualServices = merged.map(({ rule, delegates }): ExplainedVirtualService => {
    const gateways = rule.spec.gateways.length === 0 ? ['mesh'] : rule.spec.gateways;
    return {
      ...nameAndPlace(rule),
      namesHost: rule.spec.hosts.some((host) => hostMatches(host, service.host)),
      sendsTo: destinationHosts(rule).includes(service.host),
      gateways,
      delegates,
    };
  });
  // Merged for its own namespace and for the others apart, though as a rule of the same objects.
  const destinationRules = [...Map.groupBy(applied, ({ rule }) => rule.place).values()].map((same) => {
    const { rule } = same[0] as AppliedRule;
    return {
      ...nameAndPlace(rule),
      callers: same.flatMap(({ callers }) => callers),
      ...selectorOf(rule.spec.workloadSelector?.matchLabels),
      subsets: rule.spec.subsets.map(({ name }) => name),
    };
  });
  const objects = [...merged.map(({ rule }) => rule), ...applied.map(({ rule }) => rule), ...sidecars];
  return {
    virtualServices: virtualServices.sort(byName),
    destinationRules,
    hiddenBy: sidecars
      .map((sidecar) => ({ ...nameAndPlace(sidecar), ...selectorOf(sidecar.spec.workloadSelector?.labels) }))
      .sort(byName),
    diagnostics: unique([
      ...merged.flatMap(({ diagnostics }) => diagnostics),
      ...applied.flatMap(({ rule }) => ruleDiagnostics(rule)),
      ...said(
        engine.istio.store.diagnostics(),
        new Set(objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)),
      ),
    ]),
  };
}

function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...new Map(diagnostics.map((each) => [JSON.stringify(each), each])).values()];
}

function concern(hosts: readonly string[], destinations: readonly string[], host: string): boolean {
  return hosts.some((each) => hostMatches(each, host)) || destinations.includes(host);
}

/** What is wrong with a newer version of these objects, or worth a warning; it begins with the object's name. */
function said(diagnostics: Iterable<Diagnostic>, objects: ReadonlySet<string>): readonly Diagnostic[] {
  return [...diagnostics].filter(({ what }) => objects.has(what.slice(0, Math.max(0, what.indexOf(':')))));
}

function nameAndPlace({ namespace, name, place }: { readonly namespace: string; readonly name: string; readonly place: string }) {
  return { name: `${namespace}/${name}`, place };
}

function selectorOf(labels: Readonly<Record<string, string>> | undefined): { selector?: Readonly<Record<string, string>> } {
  return labels === undefined || Object.keys(labels).length === 0 ? {} : { selector: labels };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
