import { describe, expect, test } from '@jest/globals';
import { judge } from './doctor-istiod.ts';

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
