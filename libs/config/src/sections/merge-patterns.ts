import { valueAt } from '../issues.ts';
import { formatPath } from '../problem.ts';
import type { ConfigPath, ConfigProblem } from '../problem.ts';
import { suggest } from '../suggest.ts';
import type { YamlFile } from '../yaml-file.ts';

const RULE_LISTS: readonly ConfigPath[] = [
  ['merge', 'hosts'],
  ['merge', 'protocols'],
  ['merge', 'servicePorts'],
  ['merge', 'weights'],
  ['merge', 'namespaces'],
  ['merge', 'locality', 'defaults'],
];
const PATTERN_LISTS: readonly ConfigPath[] = [
  ['merge', 'services', 'include'],
  ['merge', 'services', 'exclude'],
];

/** A pattern that can match no service: a rule that is silently not in force. */
export function patternProblems(yaml: YamlFile, registries: readonly string[]): readonly ConfigProblem[] {
  if (registries.length === 0) return [];
  const items = (path: ConfigPath) => {
    const list = valueAt(yaml.value, path);
    return Array.isArray(list) ? [...list.keys()] : [];
  };
  const paths = [
    ...RULE_LISTS.flatMap((path) => items(path).map((i) => [...path, i, 'services'])),
    ...PATTERN_LISTS.flatMap((path) => items(path).map((i) => [...path, i])),
  ];
  return paths.flatMap((path) => {
    const pattern = valueAt(yaml.value, path);
    const fault = typeof pattern === 'string' ? faultOf(pattern, registries) : undefined;
    if (fault === undefined) return [];
    const shown = JSON.stringify(String(pattern).slice(0, 60));
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(path),
        what: `${formatPath(path)} is ${shown}, which ${fault.what}`,
        why: 'a rule that matches no service would be silently not in force',
        remedy: fault.remedy,
      },
    ];
  });
}

function faultOf(pattern: string, registries: readonly string[]): { readonly what: string; readonly remedy: string } | undefined {
  const [first = '', ...rest] = pattern.split('/');
  if (!pattern.includes('*') && rest.length < 3) {
    return {
      what: 'is no service id',
      remedy: 'write registry/namespace/group/name, with * for any characters: */orders, shop/*',
    };
  }
  if (first.includes('*') || registries.includes(first)) return undefined;
  const meant = suggest(first, registries);
  return {
    what: `begins with ${JSON.stringify(first)}, which is no registry`,
    remedy: meant === undefined ? `begin with one of ${registries.join(', ')}, or with *` : `did you mean ${meant}?`,
  };
}
