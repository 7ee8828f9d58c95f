import fc from 'fast-check';
import { VALID_SPECS } from './valid-specs.ts';
import type { WrittenSpec } from './written-spec.ts';

type Path = readonly (string | number)[];

const TEXTS = [
  '',
  '*',
  ' ',
  'a b',
  'Upper',
  '-x',
  'x-',
  'a.b',
  'a.b.',
  'a..b',
  '.a',
  '*.a.b',
  '*-a.b',
  'a*',
  '*a',
  '10.0.0.1',
  '10.0.0.256',
  '10.0.0.0/8',
  '10.0.0.0/33',
  '::1',
  '1.2',
  'a_b',
  'mesh',
  'shop/a',
  'a/b/c',
  '/a',
  '~',
  '.',
  '~/*',
  './*',
  '*/*',
  'x'.repeat(64),
  'x'.repeat(63),
  `${'x.'.repeat(130)}x`,
  '0s',
  '1ms',
  '999us',
  '1.5ms',
  '1h',
  '-5s',
  '5',
  'HTTP',
  'http',
  'TCP',
  'HTTPS',
  'UDP',
  'NONE',
  'STATIC',
  'DNS',
  'SIMPLE',
  'unix://',
  'unix:///a',
  'unix:///a/',
  'unix://a',
  '%',
  '%a',
  '%%',
  '%A(b)%',
  '(',
  '[a',
  'a(?=b)',
  'a**',
  'a{1001}',
  '\\1',
  '(?i)x',
  '[[:alpha:]]',
  '(?P<n>a)',
  '\\pL',
  '\\Q(\\E',
  'x{2,1}',
  'host',
  ':authority',
  ':path',
  'x-user',
  '503',
  '599',
  '5xx',
  '@request.auth.claims.a',
  'topology.kubernetes.io/zone',
] as const;
const NUMBERS = [0, 1, -1, 2, 80, 100, 101, 199, 200, 600, 601, 65_535, 65_536, 2 ** 31, 2 ** 32, 0.5, 0.00001, 65_537] as const;
const ODD = [null, [], {}, true, 'x', 7] as const;

/** All places of a value, the value itself left out. */
function* placesOf(value: unknown, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* placesOf(item, [...path, i]);
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) yield* placesOf(item, [...path, key]);
}

type Change = { readonly kind: 'set'; readonly value: unknown } | { readonly kind: 'drop' | 'twice' | 'rename' };

/** One value of a valid spec replaced, left out, repeated or renamed: most are invalid, each by one mistake. */
export const mutatedSpec: fc.Arbitrary<WrittenSpec> = fc.constantFrom(...VALID_SPECS).chain((valid) =>
  fc.constantFrom(...placesOf(valid.spec)).chain((path) =>
    changeOf(at(valid.spec, path)).map((change) => ({
      kind: valid.kind,
      spec: changed(valid.spec, path, change) as WrittenSpec['spec'],
    })),
  ),
);

function changeOf(value: unknown): fc.Arbitrary<Change> {
  const alike: readonly unknown[] =
    typeof value === 'string'
      ? TEXTS
      : typeof value === 'number'
        ? NUMBERS
        : typeof value === 'boolean'
          ? [!value]
          : Array.isArray(value)
            ? [[]]
            : [{}];
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...alike).map((next): Change => ({ kind: 'set', value: next })) },
    { weight: 2, arbitrary: fc.constant<Change>({ kind: 'drop' }) },
    { weight: 1, arbitrary: fc.constantFrom<Change>({ kind: 'twice' }, { kind: 'rename' }) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD).map((next): Change => ({ kind: 'set', value: next })) },
  );
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (inner as Readonly<Record<string | number, unknown>>)[part], value);
}

function changed(value: unknown, [part = '', ...rest]: Path, change: Change): unknown {
  if (rest.length > 0) {
    const inner = changed((value as Readonly<Record<string | number, unknown>>)[part], rest, change);
    return Array.isArray(value)
      ? (value as readonly unknown[]).map((item, i) => (i === part ? inner : item))
      : { ...(value as object), [part]: inner };
  }
  if (Array.isArray(value)) return changedItem(value, Number(part), change);
  const { [part]: old, ...others } = value as Readonly<Record<string, unknown>>;
  if (change.kind === 'set') return { ...(value as object), [part]: change.value };
  if (change.kind === 'rename') return { ...others, [`${part}x`]: old };
  return change.kind === 'twice' && Array.isArray(old)
    ? { ...others, [part]: [...(old as readonly unknown[]), ...(old as readonly unknown[])] }
    : others;
}

function changedItem(items: readonly unknown[], index: number, change: Change): readonly unknown[] {
  if (change.kind === 'set') return items.map((item, i) => (i === index ? change.value : item));
  if (change.kind === 'drop') return items.filter((_, i) => i !== index);
  return [...items, items[index]];
}
