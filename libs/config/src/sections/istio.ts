import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { durationField, sourceName } from '../fields.ts';
import { valueAt } from '../issues.ts';
import type { ConfigProblem } from '../problem.ts';
import type { YamlFile } from '../yaml-file.ts';
import { istioMesh } from './istio-mesh.ts';
import type { IstioMesh } from './istio-mesh.ts';

const HOUR_MS = 3_600_000;

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME = /^(?=.{1,200}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

const namespaceName = z.string().regex(DNS_LABEL, 'use lower-case letters, digits and dashes, 63 at most');

/** `istio:` in the config. */
export const istioSection = z
  .strictObject({
    dir: z
      .string()
      .min(1)
      .optional()
      .describe('Directory with Istio’s objects as YAML files, those of its subdirectories too; watched.'),
    registry: sourceName.optional().describe('Instead of files: a registry of kind kubernetes, whose cluster has the objects.'),
    namespace: namespaceName.default('default').describe('Namespace of objects in files that name none.'),
    rootNamespace: namespaceName
      .default('istio-system')
      .describe('Namespace whose Sidecars and DestinationRules hold for all where the others say nothing.'),
    domain: z
      .string()
      .regex(DNS_NAME, 'use a lower-case DNS name such as cluster.local')
      .default('cluster.local')
      .describe('What short hosts in rules are completed with: orders becomes orders.NAMESPACE.svc.cluster.local.'),
    outboundTrafficPolicy: z
      .enum(['allow-any', 'registry-only'])
      .default('allow-any')
      .describe(
        'What becomes of intercepted calls to hosts that no service has. The explicit egress listener refuses them always.',
      ),
    callerNamespaces: z
      .array(namespaceName)
      .max(100)
      .default([])
      .describe(
        'Namespaces whose workloads have sidecars that istiod serves, and call what plans move: the outputs mcp, kubernetes and files publish VirtualServices and DestinationRules for them, which leave to processes what plans say.',
      ),
    workloadGrace: durationField(0, HOUR_MS, '10s').describe(
      'How long a proxy that has registered itself by a WorkloadGroup stays a workload without a connection.',
    ),
    ...istioMesh,
  })
  .prefault({})
  .describe(
    'Traffic rules: VirtualService, DestinationRule, Gateway, ServiceEntry, WorkloadEntry, WorkloadGroup, Sidecar, ProxyConfig.',
  );

export type IstioInput = z.output<typeof istioSection>;

export interface IstioConfig extends IstioMesh {
  /** Undefined: no rules are read. */
  readonly from:
    { readonly kind: 'directory'; readonly dir: string } | { readonly kind: 'registry'; readonly registry: SourceId } | undefined;
  readonly namespace: string;
  readonly rootNamespace: string;
  /** Where the outputs publish what plans leave to callers; empty: nowhere. */
  readonly callerNamespaces: readonly string[];
  readonly domain: string;
  /** ms */
  readonly workloadGrace: number;
  readonly outboundTrafficPolicy: 'allow-any' | 'registry-only';
}

/** @param at makes a path absolute */
export function istioConfig({ dir, registry, ...rest }: IstioInput, at: (path: string) => string): IstioConfig {
  const callerNamespaces = [...new Set(rest.callerNamespaces)].sort();
  if (dir !== undefined) return { from: { kind: 'directory', dir: at(dir) }, ...rest, callerNamespaces };
  return {
    ...rest,
    callerNamespaces,
    from: registry === undefined ? undefined : { kind: 'registry', registry },
  };
}

/** Rules come from one place, and a registry that has them is a cluster. */
export function istioProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const registry = valueAt(yaml.value, ['istio', 'registry']);
  const entries = valueAt(yaml.value, ['registries']);
  const list = Array.isArray(entries) ? (entries as readonly unknown[]) : [];
  const taken =
    valueAt(yaml.value, ['istio']) === undefined ? -1 : list.findIndex((entry) => valueAt(entry, ['name']) === 'istio');
  if (taken >= 0) {
    const path = ['registries', taken, 'name'];
    const why = 'so are the services of ServiceEntries called, and one id would mean two things';
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(path),
        what: `registries[${taken}].name is "istio"`,
        why,
        remedy: 'give the registry another name',
      },
    ];
  }
  const callers = valueAt(yaml.value, ['istio', 'callerNamespaces']);
  const hasCallers = Array.isArray(callers) && callers.length > 0;
  if (typeof registry !== 'string') {
    if (!hasCallers || valueAt(yaml.value, ['istio', 'dir']) !== undefined) return [];
    const what = 'istio.callerNamespaces is set, and neither istio.registry nor istio.dir';
    const why = 'what is published for callers has the routes and rules in force in it, which nobody says then';
    const remedy = 'name what istiod reads: `istio: { registry: … }` for its cluster, or `dir` for files';
    return [{ file: yaml.file, ...yaml.keyAt(['istio', 'callerNamespaces']), what, why, remedy }];
  }
  if (valueAt(yaml.value, ['istio', 'dir']) !== undefined) {
    const what = 'istio.registry and istio.dir are both set';
    const why = 'one object could then be two, and nobody would know which is meant';
    return [{ file: yaml.file, ...yaml.keyAt(['istio', 'registry']), what, why, remedy: 'keep one of the two' }];
  }
  const outputs = valueAt(yaml.value, ['outputs']);
  const output = ['mcp', 'kubernetes'].find((name) => valueAt(outputs, [name]) !== undefined);
  if (output !== undefined && !hasCallers) {
    const what = `istio.registry and outputs.${output} are both set`;
    const why = 'Istio would get the ServiceEntries of its own cluster a second time';
    return [
      {
        file: yaml.file,
        ...yaml.keyAt(['istio', 'registry']),
        what,
        why,
        remedy: 'leave istio out: Istio reads its rules itself; or set istio.callerNamespaces (docs/rungs.md)',
      },
    ];
  }
  const clusters = list.filter((entry) => valueAt(entry, ['kind']) === 'kubernetes').map((entry) => valueAt(entry, ['name']));
  if (clusters.includes(registry)) return [];
  return [
    {
      file: yaml.file,
      ...yaml.valueAt(['istio', 'registry']),
      what: `istio.registry names "${registry.slice(0, 63)}", which is no registry of kind kubernetes`,
      why: 'its cluster is where the objects are read',
      remedy:
        clusters.length === 0 ? 'add the registry, or use `istio: { dir: istio.d }`' : `use ${clusters.map(String).join(' or ')}`,
    },
  ];
}
