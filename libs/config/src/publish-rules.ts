import { valueAt } from './issues.ts';
import { formatPath } from './problem.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';
import { suggest } from './suggest.ts';
import type { YamlFile } from './yaml-file.ts';

/** What a kind must say to be published into; the registry library's `SinkKind` has it. */
interface PublishableKind {
  readonly kind: string;
  readonly sink?: { readonly places: { readonly namespace: boolean; readonly group: boolean } } | undefined;
}

/** Rules of `publish:` that look at other parts of the file. */
export function publishProblems(yaml: YamlFile, kinds: readonly PublishableKind[]): readonly ConfigProblem[] {
  const entries = valueAt(yaml.value, ['publish']);
  if (!Array.isArray(entries)) return [];
  const registries = registryKinds(yaml);
  return entries.flatMap((_, i) => entryProblems(yaml, ['publish', i], registries, kinds));
}

function entryProblems(
  yaml: YamlFile,
  path: ConfigPath,
  registries: ReadonlyMap<string, string>,
  kinds: readonly PublishableKind[],
): readonly ConfigProblem[] {
  const to = valueAt(yaml.value, [...path, 'to']);
  if (typeof to !== 'string') return [];
  const problem = (field: string, what: string, why: string, remedy: string): ConfigProblem => ({
    file: yaml.file,
    ...yaml.valueAt([...path, ...(field.includes('.') ? ['services', Number(field.slice(field.indexOf('.') + 1))] : [field])]),
    what: `${formatPath(path)}.${field.replace(/\.(\d+)$/, '[$1]')} ${what}`,
    why,
    remedy,
  });
  const named = registries.get(to);
  if (named === undefined) {
    const names = [...registries.keys()];
    const meant = suggest(to, names);
    const remedy = meant === undefined ? `use one of ${names.join(', ')}` : `did you mean ${meant}?`;
    return [
      problem(
        'to',
        `is "${to.slice(0, 63)}", which is no registry`,
        'services are published into a registry of this config',
        remedy,
      ),
    ];
  }
  const kind = kinds.find((k) => k.kind === named);
  if (kind === undefined) return [];
  if (kind.sink === undefined) {
    const able = kinds.filter((k) => k.sink !== undefined).map((k) => k.kind);
    const remedy = `publish into a registry of one of the kinds ${able.join(', ')}`;
    return [
      problem(
        'to',
        `is ${to}, a ${named} registry, which cannot be published into`,
        'it has no way to register services',
        remedy,
      ),
    ];
  }
  const { places } = kind.sink;
  const has = (field: string) => valueAt(yaml.value, [...path, field]) !== undefined;
  const services = valueAt(yaml.value, [...path, 'services']);
  return [
    ...(['namespace', 'group'] as const)
      .filter((field) => has(field) && !places[field])
      .map((field) => problem(field, `is set, but ${named} has no ${field}s`, 'it would be ignored', `remove ${field}`)),
    ...(Array.isArray(services) ? services : []).flatMap((pattern: unknown, n) =>
      typeof pattern === 'string' && pattern.startsWith(`${to}/`)
        ? [
            problem(
              `services.${n}`,
              `takes services from ${to}, into which they would be published`,
              'a registry has its own services already; writing them back would double them',
              'name services of other registries',
            ),
          ]
        : [],
    ),
  ];
}

function registryKinds(yaml: YamlFile): ReadonlyMap<string, string> {
  const entries = valueAt(yaml.value, ['registries']);
  const found = new Map<string, string>();
  for (const [i] of (Array.isArray(entries) ? entries : []).entries()) {
    const name = valueAt(yaml.value, ['registries', i, 'name']);
    const kind = valueAt(yaml.value, ['registries', i, 'kind']);
    if (typeof name === 'string' && typeof kind === 'string') found.set(name, kind);
  }
  return found;
}
