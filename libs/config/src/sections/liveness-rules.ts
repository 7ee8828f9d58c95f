import { valueAt } from '../issues.ts';
import { formatPath } from '../problem.ts';
import type { ConfigPath, ConfigProblem } from '../problem.ts';
import { suggest } from '../suggest.ts';
import type { YamlFile } from '../yaml-file.ts';

/** Registries that `liveness` and `merge.kubernetes` name have to exist, and checks need names of their own. */
export function livenessProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const names = list(yaml, ['registries']).map((_, i) => valueAt(yaml.value, ['registries', i, 'name']));
  const known = names.filter((name) => typeof name === 'string');
  const problems: ConfigProblem[] = [];
  const expect = (path: ConfigPath, given: unknown, why: string): void => {
    if (typeof given !== 'string' || known.includes(given) || known.length === 0) return;
    const meant = suggest(given, known);
    problems.push({
      file: yaml.file,
      ...yaml.valueAt(path),
      what: `${formatPath(path)} names "${given.slice(0, 63)}", which is no registry`,
      why,
      remedy: meant === undefined ? `use one of ${known.join(', ')}` : `did you mean ${meant}?`,
    });
  };
  for (const [i] of list(yaml, ['liveness', 'kubernetes']).entries()) {
    const path = ['liveness', 'kubernetes', i, 'registry'];
    expect(path, valueAt(yaml.value, path), 'its Pods are asked who is behind an address');
  }
  for (const [i, name] of list(yaml, ['liveness', 'correct', 'registries']).entries()) {
    expect(['liveness', 'correct', 'registries', i], name, 'dead endpoints are taken out of service there');
  }
  for (const [i] of list(yaml, ['merge', 'kubernetes']).entries()) {
    const path = ['merge', 'kubernetes', i, 'kubernetes'];
    const template = valueAt(yaml.value, path);
    if (typeof template === 'string' && !template.startsWith('{')) {
      expect(path, template.split('/')[0], 'it says which registry has the Kubernetes service');
    }
  }
  return [...problems, ...repeatedNames(yaml)];
}

function repeatedNames(yaml: YamlFile): readonly ConfigProblem[] {
  const seen = new Set<unknown>();
  return list(yaml, ['liveness', 'checks']).flatMap((_, i) => {
    const path = ['liveness', 'checks', i, 'name'];
    const name = valueAt(yaml.value, path);
    const again = typeof name === 'string' && seen.has(name);
    seen.add(name);
    if (!again) return [];
    const what = `${formatPath(path)} is "${String(name).slice(0, 63)}" a second time`;
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(path),
        what,
        why: 'metrics and `release-held` go by the name',
        remedy: 'give it another name',
      },
    ];
  });
}

function list(yaml: YamlFile, path: ConfigPath): readonly unknown[] {
  const value = valueAt(yaml.value, path);
  return Array.isArray(value) ? value : [];
}
