import type { Diagnostic, MeshHost, MeshObject, MeshService } from '@isthmus/model';
import { callerObjects, isCallerName, objectYaml } from '@isthmus/translate';
import type { CallersEntry } from '@isthmus/translate';
import { covering } from './callers-dirt.ts';
import type { MeshPublisher } from './mesh-publisher.ts';

export interface CallersOptions {
  /** Whose workloads the objects are for. */
  readonly namespaces: readonly string[];
  readonly rootNamespace: string;
  /** The objects count as the oldest there are (MCP); else as made when they were written. */
  readonly areOldest: boolean;
}

export interface Callers {
  readonly objects: readonly MeshObject[];
  /** What of a plan cannot be said to istiod. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What plans leave to the callers of a host, as Istio's objects, for sidecars that istiod serves. */
export function callersOf(publisher: MeshPublisher, host: MeshHost, options: CallersOptions): Callers {
  const { rules, services } = publisher;
  const service = services.get(host);
  const entries = service === undefined ? [] : rules.consumers.entriesOf(host);
  if (service === undefined || entries.length === 0 || !publisher.knowsRules) return NOTHING;
  const parts = options.namespaces.map((namespace) => inNamespace(publisher, service, entries, namespace, options));
  return {
    objects: parts.flatMap(({ objects }) => objects),
    diagnostics: [...unnamed(host, entries), ...parts.flatMap(({ diagnostics }) => diagnostics)],
  };
}

/** The same as text, sorted by host: of `isthmus export --format istio`. `''` without plans. Without namespaces: each target's own. */
export function callersYaml(publisher: MeshPublisher, { namespaces, rootNamespace }: Omit<CallersOptions, 'areOldest'>): string {
  const objects = [...publisher.rules.consumers.hosts()].sort().flatMap((host) => {
    const own = publisher.services.get(host)?.namespace;
    const into = namespaces.length === 0 && own !== undefined ? [own] : namespaces;
    return callersOf(publisher, host, { namespaces: into, rootNamespace, areOldest: true }).objects;
  });
  return objects.map((object) => `---\n${objectYaml(object)}`).join('');
}

function inNamespace(
  { rules }: MeshPublisher,
  service: MeshService,
  entries: readonly CallersEntry[],
  namespace: string,
  { rootNamespace, areOldest }: CallersOptions,
): Callers {
  const { host } = service;
  const virtualService = covering(rules.virtualServices(namespace, 'mesh'), host);
  const diagnostics: Diagnostic[] = [];
  const isPrivate = virtualService?.spec.exportTo.some((to) => to === '.' || to === namespace) === true;
  if (!areOldest && virtualService?.namespace === namespace && isPrivate && virtualService.spec.hosts.includes(host)) {
    diagnostics.push(older(host, namespace, virtualService.place));
    return { objects: [], diagnostics };
  }
  const selects = rules.destinations.selectsWorkloads(service, namespace);
  const rule = rules.destinations.outbound(service, { namespace, labels: {} });
  if (selects) diagnostics.push(selected(host, namespace));
  // One that is exported to "." alone is joined into ours by Istio, as far as others are concerned.
  const isExact = rule?.namespace === namespace && rule.spec.host === host && rule.spec.exportTo.join() !== '.';
  const hasOwnRule = isExact && namespace !== rootNamespace;
  const destinationRule = selects ? undefined : rule;
  return { objects: callerObjects(service, entries, { namespace, virtualService, destinationRule, hasOwnRule }), diagnostics };
}

/** Nothing is published for callers at all. */
export function unsaid(host: MeshHost): Diagnostic {
  return {
    ...SAID,
    where: host,
    what: 'a plan leaves policies to the processes of its callers, and sidecars that istiod serves are not told so',
    remedy: 'name the namespaces of the callers under istio.callerNamespaces (docs/rungs.md)',
  };
}

function* unnamed(host: MeshHost, entries: readonly CallersEntry[]): Generator<Diagnostic> {
  for (const consumer of new Set(entries.flatMap(({ consumers }) => consumers)))
    if (!isCallerName(consumer))
      yield {
        ...SAID,
        where: `${host} ${consumer}`,
        what: 'the name of the consumer can be no label of a workload, which is what Istio knows callers by',
        remedy: 'call the service by a name of 63 letters, digits, dots, dashes and underscores at most (ISTHMUS_SERVICE)',
      };
}

function older(host: MeshHost, namespace: string, place: string): Diagnostic {
  return {
    ...SAID,
    where: `${host} in ${namespace}`,
    what: `${place} is a VirtualService of that host, private to the namespace, and of two the older counts`,
    remedy: `export it further (exportTo), or let istiod read the bridge over MCP, whose objects count as older and have its routes`,
  };
}

function selected(host: MeshHost, namespace: string): Diagnostic {
  return {
    ...SAID,
    where: `${host} in ${namespace}`,
    what: 'a DestinationRule of that host there has a workloadSelector, and one of ours beside it would take its place',
    meaning:
      'it is left alone: its limits and ejection stay on while processes keep circuit breaking; the rest of the plan counts',
    remedy: 'take its limits and ejection out while the plan runs, or its workloadSelector',
  };
}

const SAID = {
  code: 'plan.callers',
  severity: 'warning',
  meaning: 'the policies of the mesh stay on for its calls beside those of the process, whatever the plan says',
} as const;

const NOTHING: Callers = { objects: [], diagnostics: [] };
