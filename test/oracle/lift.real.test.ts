import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { liftHosts, readPolicies, rulesOf } from '@isthmus/lift';
import { istioJudgements } from './istio-validator.ts';

const input = new URL('../../libs/lift/testdata/in/', import.meta.url);

test("Istio's own validation and CRDs take every rule that policies of SDKs become", async () => {
  const rules = readdirSync(input).flatMap((file) => {
    const read = readPolicies(readFileSync(new URL(file, input), 'utf8'));
    if (!read.ok) throw new Error(`${file}: ${read.what}`);
    const policies = read.policies.map((policy) => ({ host: `${policy.name.toLowerCase()}.mesh`, ...policy }));
    return liftHosts(policies).hosts.flatMap((host) => rulesOf(host, 'shop'));
  });
  expect(rules.length).toBeGreaterThan(15);
  const judgements = await istioJudgements(rules);
  expect(judgements.map(({ error, crd }, at) => [rules[at]?.metadata.name, error, crd]).filter(([, error, crd]) => error !== '' || crd !== '')).toEqual([]); // prettier-ignore
});
