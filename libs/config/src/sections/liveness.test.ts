import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../load-config.ts';
import { testKinds } from '../test-kinds.ts';

function parse(more: string) {
  const text = `version: 1
meshId: shop
registries:
  - { name: shop, kind: nacos, servers: ['http://127.0.0.1:8848'] }
  - { name: k8s, kind: nacos, servers: ['http://127.0.0.1:8849'] }
${more}`;
  return parseConfig('isthmus.yaml', new TextEncoder().encode(text), { kinds: testKinds });
}

const problems = (more: string) => {
  const result = parse(more);
  return result.ok ? [] : result.problems.map((p) => `${p.line}: ${p.what}`);
};

describe('liveness in the config', () => {
  test('nothing said is a cross-check with the only Kubernetes that there is, and nothing written', () => {
    const result = parse('');
    expect(result.ok && result.config.liveness).toEqual({ kubernetes: undefined, correct: undefined, checks: [] });
    expect(result.ok && result.config.merge.kubernetes).toEqual([]);
  });

  test('everything', () => {
    const result = parse(`liveness:
  kubernetes:
    - { registry: k8s, services: ['shop/*'], podCidrs: [10.244.0.0/16, 'fd00::/48'], admit: [{ services: ['shop/*'], namespaces: [shop] }] }
  correct: { registries: [shop, shop], after: 2s }
  checks:
    - { name: vms, services: ['shop/*'], type: http, path: /healthz, targets: [192.168.0.0/16] }
merge:
  kubernetes:
    - { services: 'shop/*', kubernetes: 'k8s/shop/{name}', policy: both, weights: { registry: 80, kubernetes: 20 } }
`);
    expect(result).toMatchObject({
      ok: true,
      config: {
        liveness: {
          kubernetes: [{ registry: 'k8s', ownership: { strict: false }, admit: [{ namespaces: ['shop'], port: undefined }] }],
          correct: { registries: ['shop'], afterMs: 2_000, perMinute: 60, dryRun: false },
          checks: [{ name: 'vms', intervalMs: 10_000, timeoutMs: 2_000, healthy: 2, unhealthy: 3, revive: false }],
        },
        merge: { kubernetes: [{ policy: 'both', weights: { registry: 80, kubernetes: 20 }, keepHost: false }] },
      },
    });
  });

  test('ranges, names of registries and names of checks are looked at', () => {
    expect(
      problems(`liveness:
  kubernetes:
    - { registry: k9s, podCidrs: [10.244.0.0] }
  correct: { registries: [shops] }
  checks:
    - { name: vms, services: ['*'], type: tcp, targets: [10.0.0.0/8] }
    - { name: vms, services: ['*'], type: tcp, targets: [] }
merge:
  kubernetes:
    - { services: '*', kubernetes: 'kube/shop/{name}', policy: both, weights: { registry: 0, kubernetes: 0 } }
`),
    ).toEqual([
      expect.stringContaining('8: liveness.kubernetes[0].registry names "k9s", which is no registry'),
      expect.stringContaining('8: liveness.kubernetes[0].podCidrs[0] is "10.244.0.0", which is no range of addresses'),
      expect.stringContaining('9: liveness.correct.registries[0] names "shops"'),
      expect.stringContaining('12: liveness.checks[1].name is "vms" a second time'),
      expect.stringContaining('12: liveness.checks[1].targets'),
      expect.stringContaining('15: merge.kubernetes[0].kubernetes names "kube"'),
      expect.stringContaining('15: merge.kubernetes[0].weights'),
    ]);
  });
});
