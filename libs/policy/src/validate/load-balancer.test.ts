import { expect, test } from '@jest/globals';
import { parseIstioYaml } from '../load/parse-istio-yaml.ts';

const said = (to: Readonly<Record<string, number>>) => {
  const spec = {
    host: 'a',
    trafficPolicy: { loadBalancer: { simple: 'RANDOM', localityLbSetting: { distribute: [{ from: 'r', to }] } } },
  };
  const object = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'a' }, spec };
  return parseIstioYaml(JSON.stringify(object), { file: 'a', defaultNamespace: 'shop' }).problems.map(({ what }) =>
    what.replace(/^.*? is /, 'is '),
  );
};

// Istio goes over the map in random order and says sometimes yes, sometimes no.
test.each([
  [{ 'a/b/*': 50, 'a/b/c': 50 }, 'is "a/b/c", which overlaps with "a/b/*"'],
  [{ 'a/b/c': 50, 'a/b/*': 50 }, 'is "a/b/*", which overlaps with "a/b/c"'],
  [{ a: 50, '*': 50 }, 'is "*", which overlaps with "a"'],
])('weights of localities that overlap are refused in whatever order they are written: %j', (to, expected) => {
  expect(said(to)).toEqual([expected]);
});

test('weights of localities beside each other are taken', () => {
  expect(said({ 'a/b/*': 50, 'a/c/*': 50 })).toEqual([]);
});
