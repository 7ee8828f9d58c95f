import { expect, test } from '@jest/globals';
import type { IstioObject } from '@isthmus/proto/istio';
import { parseIstioYaml } from './load/parse-istio-yaml.ts';
import { effectiveProxyConfig } from './proxy-configs.ts';

const config = (name: string, namespace: string, spec: object, created = '2026-01-01T00:00:00Z') =>
  `${JSON.stringify({ apiVersion: 'networking.istio.io/v1beta1', kind: 'ProxyConfig', metadata: { name, namespace, creationTimestamp: created }, spec })}\n---\n`;
const effective = (...texts: string[]) => {
  const { objects, problems } = parseIstioYaml(texts.join(''), { file: 'a', defaultNamespace: 'shop' });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return effectiveProxyConfig(objects as IstioObject<'ProxyConfig'>[], {
    ...{ namespace: 'shop', labels: { app: 'web', tier: 'a' }, rootNamespace: 'istio-system' },
  });
};
const select = (labels: object) => ({ selector: { matchLabels: labels } });

test('nobody says anything', () => {
  expect(effective()).toEqual({ concurrency: undefined, environment: {}, imageType: '' });
});

test('the one that selects the workload goes before the namespace’s, and that before the root’s', () => {
  const root = config('root', 'istio-system', { concurrency: 1, environmentVariables: { A: 'root', B: 'root', C: 'root' } });
  const own = config('own', 'shop', {
    concurrency: 2,
    environmentVariables: { B: 'own', C: 'own' },
    image: { imageType: 'debug' },
  });
  const web = config('web', 'shop', { ...select({ app: 'web' }), concurrency: 0, environmentVariables: { C: 'web' } });
  expect(effective(root)).toMatchObject({ concurrency: 1 });
  expect(effective(own, root)).toMatchObject({ concurrency: 2, imageType: 'debug' });
  expect(effective(web, own, root)).toEqual({
    concurrency: 0,
    environment: { A: 'root', B: 'own', C: 'web' },
    imageType: 'debug',
  });
});

test('of several at one level the oldest counts alone', () => {
  const older = config('z', 'shop', { environmentVariables: { A: 'older' } }, '2025-01-01T00:00:00Z');
  const newer = config('a', 'shop', { concurrency: 3, environmentVariables: { A: 'newer' } });
  expect(effective(newer, older)).toEqual({ concurrency: undefined, environment: { A: 'older' }, imageType: '' });
});

test('one of another namespace, of other labels, or of none is nobody’s', () => {
  expect(
    effective(
      config('elsewhere', 'other', { concurrency: 3 }),
      config('root-web', 'istio-system', { ...select({ app: 'web' }), concurrency: 4 }),
      config('api', 'shop', { ...select({ app: 'web', tier: 'b' }), concurrency: 5 }),
      config('empty', 'shop', { selector: {}, concurrency: 6 }),
    ).concurrency,
  ).toBeUndefined();
});
