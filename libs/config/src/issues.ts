import type { z } from 'zod';
import { formatPath } from './problem.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';
import { describedAt, knownKeys, shapesAt } from './shape.ts';
import type { Shape } from './shape.ts';
import { suggest } from './suggest.ts';
import type { YamlFile } from './yaml-file.ts';

type Issue = z.core.$ZodIssue;

/** What zod found, as problems with a place. `base` is where the checked value lies in the file. */
export function issueProblems(
  issues: readonly Issue[],
  yaml: YamlFile,
  shape: Shape,
  base: ConfigPath,
): readonly ConfigProblem[] {
  // A text where a list belongs has a length too, and zod counts it.
  const mistyped = new Set(issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('\n')));
  return issues
    .filter(({ code, path }) => code === 'invalid_type' || !mistyped.has(path.join('\n')))
    .flatMap((issue) => issueProblem(issue, yaml, shape, base));
}

function issueProblem(issue: Issue, yaml: YamlFile, shape: Shape, base: ConfigPath): readonly ConfigProblem[] {
  const inner = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const path = [...base, ...inner];
  const name = formatPath(path);
  const why = describedAt(shape, inner) ?? 'the config would not mean anything';
  const at = (what: string, remedy: string, place = yaml.valueAt(path)): ConfigProblem[] => [
    { file: yaml.file, ...place, what, why, remedy },
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, yaml, shape, base, inner));
    case 'invalid_union': {
      // The alternative that came furthest is the one that was meant.
      const options = issue.errors.filter((errors) => errors.length > 0);
      const best = options.sort((a, b) => deepest(b) - deepest(a) || a.length - b.length)[0];
      if (best !== undefined && deepest(best) > 0) return issueProblems(best, yaml, shapeAt(shape, inner), path);
      return at(`${name} is ${show(valueAt(yaml.value, path))}, which is not allowed here`, expectation(shape, inner));
    }
    case 'invalid_type':
      if (valueAt(yaml.value, path) === undefined) return at(`${name} is missing`, `add it: ${example(shape, inner)}`);
      return at(
        `${name} is ${show(valueAt(yaml.value, path))}, not ${typeName(issue.expected)}`,
        (issue.expected === 'array' ? asList(path.at(-1), valueAt(yaml.value, path)) : undefined) ?? expectation(shape, inner),
      );
    case 'invalid_value': {
      const value = valueAt(yaml.value, path);
      const allowed = issue.values.map((v) => String(v));
      if (value === undefined) return at(`${name} is missing`, `add it: ${example(shape, inner)}`);
      if (typeof value === 'string' && allowed.includes(value))
        return at(`${name} is the text ${show(value)}`, 'write it without quotes');
      const meant = typeof value === 'string' ? suggest(value, allowed) : undefined;
      return at(
        `${name} is ${show(value)}`,
        meant === undefined ? `use ${oneOf(allowed)}` : `did you mean ${meant}? (${oneOf(allowed)})`,
      );
    }
    case 'too_small':
    case 'too_big': {
      const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
      const word = issue.code === 'too_small' ? 'at least' : 'at most';
      const unit = { string: 'character', array: 'item' }[issue.origin as string];
      const units = unit === undefined ? '' : ` ${unit}${Number(limit) === 1 ? '' : 's'}`;
      return at(`${name} is ${size(valueAt(yaml.value, path))}`, `use ${word} ${limit}${units}`);
    }
    case 'invalid_format':
    case 'custom':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
      return refused(issue.message, name, show(valueAt(yaml.value, path)), at);
    default:
      issue satisfies never;
      return [];
  }
}

/** Messages of fields read "is no time: use a number and a unit" or "use http or https"; both say what to do last. */
function refused(
  message: string,
  name: string,
  value: string,
  at: (what: string, remedy: string) => ConfigProblem[],
): ConfigProblem[] {
  const colon = message.indexOf(': ');
  if (!message.startsWith('is ') || colon < 0) return at(`${name} is ${value}`, message);
  return at(`${name} is ${value}, which ${message.slice(0, colon)}`, message.slice(colon + 2));
}

function unknownKey(key: string, yaml: YamlFile, shape: Shape, base: ConfigPath, parent: ConfigPath): ConfigProblem {
  const path = [...base, ...parent, key];
  const place = yaml.keyAt(path);
  const known = knownKeys(shape, parent);
  const meant = suggest(key, known);
  return {
    file: yaml.file,
    ...place,
    what: `${formatPath(path)} is no key of the config`,
    why: 'a misspelt key would be a setting that is silently not in force',
    remedy: meant === undefined ? `use ${known.length === 0 ? 'no keys here' : oneOf(known)}` : `did you mean ${meant}?`,
  };
}

function deepest(issues: readonly Issue[]): number {
  return issues.reduce((most, issue) => Math.max(most, issue.path.length), 0);
}

function shapeAt(shape: Shape, path: ConfigPath): Shape {
  return { anyOf: shapesAt(shape, path) };
}

export function valueAt(value: unknown, path: ConfigPath): unknown {
  let here: unknown = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}

/** The value, short; never used for what may be a secret. */
function show(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}

function size(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'string' && value === '') return 'an empty text';
  if (typeof value === 'string' && value.length > 60) return `${value.length} characters long`;
  return show(value);
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
};

function typeName(expected: string): string {
  return TYPE_NAMES[expected] ?? expected;
}

/** What was written, as the only item. */
function asList(key: string | number | undefined, value: unknown): string | undefined {
  if (typeof key !== 'string' || typeof value !== 'string' || value === '' || /['"\n]/.test(value) || value.length > 60)
    return undefined;
  return `write a list: \`${key}: ['${value}']\``;
}

function expectation(shape: Shape, path: ConfigPath): string {
  const types = shapesAt(shape, path).flatMap((s) => (s.type === undefined ? [] : [s.type].flat()));
  const words = [...new Set(types)].map((type) => typeName(type === 'integer' ? 'int' : type));
  return words.length === 0 ? 'see docs/config.md' : `write ${words.join(' or ')}: ${example(shape, path)}`;
}

const EXAMPLES: Readonly<Record<string, string>> = {
  version: '1',
  meshId: 'shop',
  listen: '127.0.0.1:15010',
  registries: '[{ name: shop, kind: nacos, servers: [http://127.0.0.1:8848] }]',
  name: 'shop',
  certFile: 'certs/tls.crt',
  keyFile: 'certs/tls.key',
  clientCaFile: 'certs/clients-ca.crt',
  tokensFile: 'secrets/tokens',
};

/** `key: value` as it might stand in the file. */
function example(shape: Shape, path: ConfigPath): string {
  const key = path.at(-1);
  const known = shapesAt(shape, path);
  const value =
    (typeof key === 'string' ? EXAMPLES[key] : undefined) ?? known.map(exampleOf).find((text) => text !== undefined) ?? '...';
  return typeof key === 'string' ? `\`${key}: ${value}\`` : `\`${value}\``;
}

function exampleOf(shape: Shape): string | undefined {
  if (typeof shape.default === 'string' || typeof shape.default === 'number') return String(shape.default);
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.enum !== undefined) return String(shape.enum[0]);
  switch ([shape.type].flat()[0]) {
    case 'integer':
    case 'number':
      return '1';
    case 'boolean':
      return 'true';
    case 'array':
      return '[...]';
    case 'object':
      return '{ ... }';
    default:
      return undefined;
  }
}

function oneOf(words: readonly string[]): string {
  if (words.length === 1) return words[0] ?? '';
  return `one of ${words.join(', ')}`;
}
