import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { convertIngress } from '@isthmus/policy';
import { istioVerdicts } from './istio-validator.ts';

const INPUTS = new URL('../../libs/policy/src/convert/testdata/in/', import.meta.url);

test('what Ingresses are converted to is valid to Istio', async () => {
  const objects = readdirSync(INPUTS).flatMap(
    (file) =>
      convertIngress(readFileSync(new URL(file, INPUTS)), { file, defaultNamespace: 'default', domain: 'cluster.local' }).objects,
  );
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(['Gateway', 'VirtualService']));
  const verdicts = await istioVerdicts(objects);
  expect(verdicts).toHaveLength(objects.length);
  expect(verdicts.filter((verdict) => verdict !== null)).toEqual([]);
}, 600_000); // the validator may have to be built first
