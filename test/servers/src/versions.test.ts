import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { recipesDir } from './cache.ts';
import { isServerName, pickVersion, serverNames, servers, toolsFor, type ServerName } from './versions.ts';

test.each<[ServerName, string]>([
  ['nacos2', 'pom.xml'],
  ['nacos3', 'pom.xml'],
  ['zookeeper', 'pom.xml'],
  ['dubbo', 'pom.xml'],
  ['spring', 'pom.xml'],
  ['consul', 'go.mod'],
  ['kubernetes', 'go.mod'],
  ['kustomize', 'go.mod'],
  ['istio-crds', 'go.mod'],
])('the recipe of %s names the version that the table says', async (name, file) => {
  expect(await readFile(join(recipesDir(), name, file), 'utf8')).toContain(servers[name].version);
});

test('the pinned version is the default and others have to be in the table', () => {
  expect(pickVersion('envoy')).toBe(servers.envoy.version);
  expect(pickVersion('envoy', '1.36.4')).toBe('1.36.4');
  expect(() => pickVersion('envoy', '1.0.0')).toThrow('envoy 1.0.0 is not in the table of versions; there are 1.40.0, 1.36.4');
});

test('every server says which tools its build needs', () => {
  for (const name of serverNames) expect(toolsFor(servers[name].recipe).length).toBeGreaterThan(0);
});

test('names of prototypes are no server names', () => {
  expect(isServerName('consul')).toBe(true);
  expect(isServerName('constructor')).toBe(false);
});
