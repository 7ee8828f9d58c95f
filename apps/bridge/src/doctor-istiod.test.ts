import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { stringify } from 'yaml';
import { clustersOf, judge } from './doctor-istiod.ts';
import { registryKinds } from './registries.ts';

describe("doctor looks at istiod's sources", () => {
  test('k8s:// beside ours is fine', () => {
    expect(judge('configSources:\n- address: k8s://\n- address: xds://isthmus:15010\n', 'S').level).toBe('ok');
  });

  test('ours alone took the Kubernetes objects away', () => {
    expect(judge('configSources: [{ address: "xds://isthmus:15010" }]', 'S')).toMatchObject({
      level: 'error',
      remedy: 'add it: S',
    });
  });

  test.each(['', 'accessLogFile: /dev/stdout', 'configSources: []', 'configSources: nonsense', 'configSources: [1, null]'])(
    'a mesh config without ours (%j) is one that does not read us',
    (mesh) => {
      expect(judge(mesh, 'S')).toMatchObject({ level: 'warning', remedy: 'add S' });
    },
  );

  test('what is no YAML is said', () => {
    expect(judge('a: [', 'S')).toMatchObject({ level: 'error' });
  });
});

describe('doctor looks for istiod', () => {
  const inPod = { env: { KUBERNETES_SERVICE_HOST: '10.96.0.1' } };
  const nacos = { name: 'shop', kind: 'nacos', servers: ['http://127.0.0.1:8848'] };
  const looked = (registries: readonly object[], outputs: object = {}, pod: Parameters<typeof clustersOf>[1] = { env: {} }) => {
    const text = stringify({
      version: 1,
      meshId: 'shop',
      registries,
      outputs: { mcp: { listen: '127.0.0.1:15010' }, ...outputs },
    });
    const parsed = parseConfig('/etc/isthmus/isthmus.yaml', Buffer.from(text), { kinds: registryKinds });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return clustersOf(parsed.config, pod);
  };

  test('in all clusters that it reads, and in that into which it writes, each once', () => {
    const east = { name: 'east', kind: 'kubernetes', kubeconfig: 'east' };
    const west = { name: 'west', kind: 'kubernetes', kubeconfig: 'clouds', context: 'west' };
    const paths = [{ kubeconfig: '/etc/isthmus/east' }, { kubeconfig: '/etc/isthmus/clouds', context: 'west' }];
    expect(looked([nacos, east, west])).toEqual(paths);
    expect(looked([nacos, east, west], { kubernetes: { namespace: 'mesh', registry: 'west' } })).toEqual(paths);
    expect(looked([nacos], { kubernetes: { namespace: 'mesh', kubeconfig: 'mesh' } })).toEqual([
      { kubeconfig: '/etc/isthmus/mesh' },
    ]);
  });

  test('in the cluster of its own Pod, if it is in one', () => {
    expect(looked([nacos], {}, inPod)).toEqual([inPod]);
    expect(looked([nacos, { name: 'k8s', kind: 'kubernetes' }], {}, inPod)).toHaveLength(1);
    expect(looked([nacos])).toEqual([]);
  });
});
