import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { sourceName } from '../fields.ts';
import { valueAt } from '../issues.ts';
import type { ConfigProblem } from '../problem.ts';
import type { YamlFile } from '../yaml-file.ts';

export interface FilesOutputConfig {
  /** Absolute. */
  readonly dir: string;
}

export interface KubernetesOutputConfig {
  /** The registry whose cluster and credentials are used; undefined: `kubeconfig`, or what kubectl would use. */
  readonly registry?: SourceId;
  /** Absolute. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly createNamespaces: boolean;
  readonly rate: { readonly perSecond: number; readonly burst: number };
}

const files = z
  .strictObject({
    dir: z
      .string()
      .min(1)
      .max(4_096)
      .describe('Directory of the files, made when it is not there. Others’ files in it are left alone.'),
  })
  .optional()
  .describe('The ServiceEntries as YAML files, one for each host, for istiod (fs://), Git, or anything else that reads them.');

const kubernetes = z
  .strictObject({
    registry: sourceName.optional().describe('Registry of kind kubernetes whose cluster and credentials are used.'),
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Instead of registry: a kubeconfig, relative to the config file. Default: the service account of the Pod, else as kubectl does it.',
      ),
    context: z.string().min(1).optional().describe('Context of the kubeconfig; default: its current one.'),
    namespace: z
      .string()
      .max(63)
      .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'use a name of a namespace: lower-case letters, digits and dashes')
      .default('isthmus')
      .describe('Namespace of all objects.'),
    allNamespaces: z
      .boolean()
      .default(false)
      .describe('Instead: each object in the mesh namespace of its service. Needs a ClusterRole in place of a Role.'),
    createNamespaces: z.boolean().default(false).describe('Make a namespace that does not exist; default: it is said.'),
    rate: z
      .strictObject({
        perSecond: z.number().min(0.1).max(10_000).default(20).describe('Writes a second in the long run.'),
        burst: z.int().min(1).max(10_000).default(100).describe('Writes at once after a quiet time.'),
      })
      .prefault({})
      .describe('What the API server is asked to bear.'),
  })
  .optional()
  .describe('The ServiceEntries as objects of a Kubernetes cluster, by server-side apply.');

/** Spread into the `outputs` section. */
export const objectOutputFields = { files, kubernetes };

type Parsed = z.output<z.ZodObject<typeof objectOutputFields>>;

export function objectOutputsConfig(
  parsed: Parsed,
  at: (path: string) => string,
): { readonly files?: FilesOutputConfig; readonly kubernetes?: KubernetesOutputConfig } {
  const { files: f, kubernetes: k } = parsed;
  return {
    ...(f === undefined ? {} : { files: { dir: at(f.dir) } }),
    ...(k === undefined
      ? {}
      : {
          kubernetes: {
            namespace: k.namespace,
            allNamespaces: k.allNamespaces,
            createNamespaces: k.createNamespaces,
            rate: k.rate,
            ...(k.registry === undefined ? {} : { registry: k.registry }),
            ...(k.kubeconfig === undefined ? {} : { kubeconfig: at(k.kubeconfig) }),
            ...(k.context === undefined ? {} : { context: k.context }),
          },
        }),
  };
}

/** Rules across fields (see `rules.ts`). */
export function outputProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const path = ['outputs', 'kubernetes', 'registry'];
  const name = valueAt(yaml.value, path);
  if (typeof name !== 'string') return [];
  const problem = (what: string, why: string, remedy: string): ConfigProblem => ({
    file: yaml.file,
    ...yaml.valueAt(path),
    what,
    why,
    remedy,
  });
  const problems: ConfigProblem[] = [];
  for (const other of ['kubeconfig', 'context']) {
    if (valueAt(yaml.value, ['outputs', 'kubernetes', other]) === undefined) continue;
    problems.push(
      problem(
        `outputs.kubernetes has registry and ${other}`,
        'one of them says which cluster it is',
        `take ${other} out, or registry`,
      ),
    );
  }
  const entries: readonly unknown[] = asList(valueAt(yaml.value, ['registries']));
  const clusters = entries.filter((entry) => valueAt(entry, ['kind']) === 'kubernetes').map((entry) => valueAt(entry, ['name']));
  if (entries.length > 0 && !clusters.includes(name)) {
    const instead = clusters.length === 0 ? 'add one, or give a kubeconfig instead' : `use ${clusters.slice(0, 5).join(' or ')}`;
    const what = `outputs.kubernetes.registry names "${name.slice(0, 63)}", which is no registry of kind kubernetes`;
    problems.push(problem(what, 'server and credentials are those of that registry', instead));
  }
  return problems;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
