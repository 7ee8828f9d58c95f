import { dirname, resolve } from 'node:path';
import type { SourceId } from '@isthmus/model';
import type { ConfigurableKind, Config, ListenerConfig, RegistryEntry } from './config.ts';
import { issueProblems, valueAt } from './issues.ts';
import { sortProblems } from './problem.ts';
import type { ConfigProblem } from './problem.ts';
import { readBounded } from './read-bounded.ts';
import { publishProblems } from './publish-rules.ts';
import { ruleProblems } from './rules.ts';
import { configSchema } from './schema.ts';
import type { ParsedConfig } from './schema.ts';
import { scanSecrets } from './secrets.ts';
import { agentsConfig } from './sections/agents.ts';
import { guardConfig } from './sections/guard.ts';
import { istioConfig } from './sections/istio.ts';
import { plansConfig } from './sections/plans.ts';
import { policiesConfig, policyProblems } from './sections/policies.ts';
import { sharedLedgerConfig } from './sections/ledger.ts';
import { livenessConfig } from './sections/liveness.ts';
import { mergeConfig } from './sections/merge.ts';
import { objectOutputsConfig } from './sections/outputs.ts';
import { publishConfig } from './sections/publish.ts';
import type { SecretScan } from './secrets.ts';
import { shapeOf } from './shape.ts';
import type { Shape } from './shape.ts';
import { suggest } from './suggest.ts';
import { parseYaml } from './yaml-file.ts';
import type { YamlFile } from './yaml-file.ts';

export type ConfigResult<Kind extends ConfigurableKind> =
  | { readonly ok: true; readonly config: Config<Kind> }
  /** All that is wrong, sorted by place; never empty. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface LoadOptions<Kind extends ConfigurableKind> {
  /** The registry kinds that this program has. */
  readonly kinds: readonly Kind[];
}

/** Reads and checks a config file. Never throws: a file that cannot be read is a problem like any other. */
export async function loadConfig<Kind extends ConfigurableKind>(
  path: string,
  options: LoadOptions<Kind>,
): Promise<ConfigResult<Kind>> {
  let bytes: Uint8Array;
  try {
    bytes = await readBounded(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const problem: ConfigProblem = {
      file: path,
      line: 1,
      column: 1,
      what: `cannot be read: ${READ_ERRORS[code ?? ''] ?? (cause instanceof Error ? cause.message : String(cause))}`,
      why: 'the bridge does nothing without a config',
      remedy: READ_REMEDIES[code ?? ''] ?? 'make it readable for this user',
    };
    return { ok: false, problems: [problem] };
  }
  return parseConfig(path, bytes, options);
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

const READ_REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'check the path given with -c; docs/config.md has a config to start from',
  EISDIR: 'name the file in it: -c DIRECTORY/isthmus.yaml',
};

/** `loadConfig` of a text; `file` is its name in messages and where relative paths start from. */
export function parseConfig<Kind extends ConfigurableKind>(
  file: string,
  bytes: Uint8Array,
  options: LoadOptions<Kind>,
): ConfigResult<Kind> {
  const parsed = parseYaml(file, bytes);
  if ('problems' in parsed) return { ok: false, problems: sortProblems(parsed.problems) };
  const { yaml } = parsed;
  if (typeof yaml.value !== 'object' || yaml.value === null || Array.isArray(yaml.value)) {
    const what = yaml.value === null || yaml.value === undefined ? 'is empty' : 'is no map of keys';
    const problem = { file, ...yaml.valueAt([]), what, why: 'a config has at least version, meshId and registries' };
    return {
      ok: false,
      problems: [{ ...problem, remedy: 'start with `version: 1`; docs/config.md has a config to start from' }],
    };
  }
  const secrets = scanSecrets(yaml);
  const problems: ConfigProblem[] = [
    ...secrets.problems,
    ...ruleProblems(yaml),
    ...publishProblems(yaml, options.kinds),
    ...policyProblems(yaml, options.kinds),
  ];
  const base = configSchema.safeParse(yaml.value);
  if (!base.success) problems.push(...notSecret(base.error.issues, yaml, secrets, shapeOf(configSchema), []));
  const registries: RegistryEntry<Kind>[] = [];
  const entries = valueAt(yaml.value, ['registries']);
  for (const [i, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    const result = parseRegistry(entry, i, yaml, secrets, options.kinds);
    if ('problems' in result) problems.push(...result.problems);
    else registries.push(result.entry);
  }
  if (!base.success || problems.length > 0) return { ok: false, problems: sortProblems(problems) };
  return { ok: true, config: build(file, base.data, registries) };
}

type Issues = Parameters<typeof issueProblems>[0];

function notSecret(issues: Issues, yaml: YamlFile, secrets: SecretScan, shape: Shape, base: readonly (string | number)[]) {
  const open: Issues[number][] = [];
  for (const issue of issues) {
    const path = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
    if (secrets.covers(path)) continue;
    if (issue.code !== 'unrecognized_keys') open.push(issue);
    else {
      const keys = issue.keys.filter((key) => !secrets.covers([...path, key]));
      if (keys.length > 0) open.push({ ...issue, keys });
    }
  }
  return issueProblems(open, yaml, shape, base);
}

function parseRegistry<Kind extends ConfigurableKind>(
  entry: unknown,
  index: number,
  yaml: YamlFile,
  secrets: SecretScan,
  kinds: readonly Kind[],
): { readonly entry: RegistryEntry<Kind> } | { readonly problems: readonly ConfigProblem[] } {
  const path = ['registries', index];
  const named = valueAt(entry, ['kind']);
  const kind = kinds.find((k) => k.kind === named);
  if (kind === undefined) {
    const known = kinds.map((k) => k.kind);
    const list = `one of ${known.join(', ')}`;
    const text = typeof named === 'string' ? named : undefined;
    const meant = text === undefined ? undefined : suggest(text, known);
    const [what, remedy] =
      named === undefined || named === null
        ? [`registries[${index}].kind is missing`, `add it: \`kind: ${known[0] ?? '...'}\` (${list})`]
        : [
            `registries[${index}].kind is ${JSON.stringify(String(named).slice(0, 60))}, which is no kind of registry`,
            meant === undefined ? `use ${list}` : `did you mean ${meant}? (${list})`,
          ];
    const why = 'the kind says how the registry is spoken to';
    return { problems: [{ file: yaml.file, ...yaml.valueAt([...path, 'kind']), what, why, remedy }] };
  }
  const parsed = kind.schema.safeParse(entry);
  if (!parsed.success) return { problems: notSecret(parsed.error.issues, yaml, secrets, shapeOf(kind.schema), path) };
  const id = valueAt(parsed.data, ['name']) as SourceId;
  return { entry: { id, kind, config: parsed.data } };
}

function build<Kind extends ConfigurableKind>(
  file: string,
  base: ParsedConfig,
  registries: readonly RegistryEntry<Kind>[],
): Config<Kind> {
  const baseDir = dirname(resolve(file));
  const at = (path: string) => resolve(baseDir, path);
  const listener = ({ listen, tls, auth, insecure }: ParsedConfig['control']): ListenerConfig => ({
    listen,
    insecure,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            certFile: at(tls.certFile),
            keyFile: at(tls.keyFile),
            ...(tls.clientCaFile === undefined ? {} : { clientCaFile: at(tls.clientCaFile) }),
          },
        }),
    ...(auth === undefined ? {} : { auth: { tokensFile: at(auth.tokensFile) } }),
  });
  const { mcp, xds } = base.outputs;
  return {
    file: resolve(file),
    baseDir,
    meshId: base.meshId,
    roles: [...new Set(base.roles)],
    registries,
    merge: mergeConfig(
      base.merge,
      registries.map((registry) => registry.id),
    ),
    guard: guardConfig(base.guard),
    imports: base.imports,
    publish: publishConfig(base.publish),
    outputs: {
      ...(mcp === undefined ? {} : { mcp: listener(mcp) }),
      ...(xds === undefined ? {} : { xds: { ...listener(xds), runtime: xds.runtime, ttl: xds.ttl, unhealthy: xds.unhealthy } }),
      ...objectOutputsConfig(base.outputs, at),
    },
    control: listener(base.control),
    ledger: {
      file: at(base.ledger.file),
      maxAgeMs: base.ledger.maxAge,
      maxEntries: base.ledger.maxEntries,
      ...sharedLedgerConfig(base.ledger, base.meshId),
    },
    readiness: { maxWaitMs: base.readiness.maxWait },
    liveness: livenessConfig(base.liveness),
    istio: istioConfig(base.istio, at),
    plans: plansConfig(base.plans, at),
    agents: agentsConfig(base.agents, at),
    policies: policiesConfig(base.policies),
  };
}
