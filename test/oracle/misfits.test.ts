import { expect, test } from '@jest/globals';
import { formatPath } from '@isthmus/config';
import { parseIstioYaml } from '@isthmus/policy';
import { VALID_SPECS } from './validation/valid-specs.ts';

// What has a schema error is checked for its meaning too (libs/policy/src/load/parse-object.ts): of a spec that is good but for one value
// nothing else may be said.

type Path = readonly (string | number)[];

const MISFIT = { 'no-such-field': [[]] };

function* leaves(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return yield path;
  for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

function withMisfit(spec: object, path: Path): object {
  const copy = structuredClone(spec);
  let holder = copy as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) holder = holder[part] as Record<string | number, unknown>;
  holder[path.at(-1) ?? ''] = MISFIT;
  return copy;
}

test('one value that does not fit is one problem, whatever the rest of the spec would seem to mean without it', () => {
  const more: string[] = [];
  let tried = 0;
  for (const { kind, spec } of VALID_SPECS) {
    for (const path of leaves(spec)) {
      const version = kind === 'ProxyConfig' ? 'v1beta1' : 'v1';
      const object = {
        apiVersion: `networking.istio.io/${version}`,
        kind,
        metadata: { name: 'a' },
        spec: withMisfit(spec as object, path),
      };
      const { problems, objects } = parseIstioYaml(JSON.stringify(object), { file: 'a.yaml', defaultNamespace: 'shop' });
      const at = formatPath(['spec', ...path]);
      const others = problems.filter(({ what }) => !what.includes(at));
      tried += 1;
      if (problems.length === 0 || objects.length > 0) more.push(`${kind} ${at}: nothing is said`);
      for (const { what } of others) more.push(`${at}: ${what}`);
    }
  }
  expect(more).toEqual([]);
  expect(tried).toBeGreaterThan(300);
});
