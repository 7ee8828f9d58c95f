import { beforeAll, describe, expect, test } from '@jest/globals';
import type { MeshObject } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import type { Problem } from '@isthmus/policy';
import fc from 'fast-check';
import { istioJudgements } from './istio-validator.ts';
import type { Judgement } from './istio-validator.ts';
import { mutatedSpec } from './validation/mutations.ts';
import { VALID_SPECS } from './validation/valid-specs.ts';
import type { WrittenSpec } from './validation/written-spec.ts';
import { WRITTEN_SPECS } from './validation/written-specs.ts';

// The judge: pkg/config/validation of Istio 1.31-dev, and its CRDs with their CEL rules.
const SEED = Number(process.env['ISTHMUS_SEED'] ?? 20_261_121);
const MUTATIONS = 5_000;

interface Case {
  readonly object: MeshObject;
  readonly ours: readonly Problem[];
  readonly istio: Judgement;
}

async function judged(specs: readonly WrittenSpec[]): Promise<readonly Case[]> {
  const objects = specs.map(({ kind, spec }): MeshObject => {
    const version = kind === 'ProxyConfig' ? 'v1beta1' : 'v1';
    return {
      apiVersion: `networking.istio.io/${version}`,
      kind,
      metadata: { name: 'a', namespace: 'shop', labels: {}, annotations: {} },
      spec,
    };
  });
  const istio = await istioJudgements(objects);
  expect(istio).toHaveLength(objects.length);
  return objects.map((object, i) => ({
    object,
    ours: parseIstioYaml(JSON.stringify(object), { file: 'a.yaml', defaultNamespace: 'shop' }).problems,
    istio: istio[i] as Judgement,
  }));
}

const errorsOf = ({ ours }: Case) => ours.filter(({ severity }) => severity === 'error').map(({ what }) => what);
const warningsOf = ({ ours }: Case) => ours.filter(({ severity }) => severity === 'warning').map(({ what }) => what);
const refusalOf = ({ istio }: Case) => [istio.error, istio.crd].filter((text) => text !== '').join('; ');

function disagreements(cases: readonly Case[]): readonly string[] {
  return cases
    .filter((one) => errorsOf(one).length > 0 !== (refusalOf(one) !== ''))
    .map(
      (one) =>
        `${one.object.kind} ${JSON.stringify(one.object.spec)}\n   ours: ${errorsOf(one).join('; ')}\n   istio: ${refusalOf(one)}`,
    );
}

describe('specs that Istio takes', () => {
  test('are taken', async () => {
    const cases = await judged(VALID_SPECS);
    expect(
      cases.filter((one) => refusalOf(one) !== '').map((one) => `${JSON.stringify(one.object.spec)} ${refusalOf(one)}`),
    ).toEqual([]);
    expect(disagreements(cases)).toEqual([]);
  }, 600_000); // the validator may have to be built first
});

describe('specs written for one rule each', () => {
  test('are refused where Istio refuses them', async () => {
    const cases = await judged(WRITTEN_SPECS);
    expect(cases.length).toBeGreaterThan(100);
    expect(cases.filter((one) => refusalOf(one) !== '').length).toBeGreaterThan(60);
    expect(disagreements(cases)).toEqual([]);
  }, 120_000);

  test('are warned of where Istio warns', async () => {
    const cases = (await judged(WRITTEN_SPECS)).filter((one) => refusalOf(one) === '');
    expect(cases.filter(({ istio }) => istio.warning !== '').length).toBeGreaterThan(15);
    expect(
      cases.filter((one) => one.istio.warning !== '' && warningsOf(one).length === 0).map(({ istio }) => istio.warning),
    ).toEqual([]);
  }, 120_000);
});

describe(`${MUTATIONS} valid specs with one thing changed (ISTHMUS_SEED=${SEED})`, () => {
  let cases: readonly Case[];
  beforeAll(async () => {
    cases = await judged(fc.sample(mutatedSpec, { seed: SEED, numRuns: MUTATIONS }));
  }, 120_000);

  test('are refused and taken as Istio does', () => {
    const refused = cases.filter((one) => refusalOf(one) !== '').length;
    expect([refused > MUTATIONS / 5, refused < (MUTATIONS * 4) / 5]).toEqual([true, true]);
    expect(disagreements(cases).slice(0, 20)).toEqual([]);
  });

  test('are warned of where Istio warns, and nowhere else', () => {
    const taken = cases.filter((one) => refusalOf(one) === '');
    expect(
      taken
        .filter((one) => one.istio.warning !== '' && warningsOf(one).length === 0)
        .map(({ istio, object }) => `${JSON.stringify(object.spec)} ${istio.warning}`)
        .slice(0, 10),
    ).toEqual([]);
    const more = taken.filter((one) => one.istio.warning === '' && warningsOf(one).length > 0);
    expect(
      more
        .flatMap(warningsOf)
        .filter((what) => !ISTIO_FORGETS.test(what))
        .slice(0, 10),
    ).toEqual([]);
  });
});

/** Istio's validator drops the warnings of what it checks inside of these. */
const ISTIO_FORGETS = /portLevelSettings|subsets\[|fault\.abort|match\[\d+\]\.gateways/;
