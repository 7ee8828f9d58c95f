import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadConfig } from '@isthmus/config';
import { survey } from './doctor-survey.ts';
import { registryKinds } from './registries.ts';

const service = (host: string, address: string) =>
  `services: [{ host: ${host}, ports: [{ number: 80, protocol: http }], endpoints: [{ address: ${address}, port: 8080 }] }]\n`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-survey-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function look(withinMs = 10_000): Promise<readonly string[]> {
  const file = join(dir, 'isthmus.yaml');
  await writeFile(
    file,
    `version: 1
meshId: shop
registries:
  - { name: one, kind: file, path: one.yaml }
  - { name: two, kind: file, path: two.yaml }
outputs: { xds: { listen: 127.0.0.1:1 } }
`,
  );
  const loaded = await loadConfig(file, { kinds: registryKinds });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return (await survey(loaded.config, withinMs)).published.map(({ level, what }) => `${level} ${what}`);
}

test('two registries that claim one host are named, with who wins', async () => {
  await writeFile(join(dir, 'one.yaml'), service('orders.mesh', '10.0.0.1'));
  await writeFile(join(dir, 'two.yaml'), service('orders.mesh', '10.0.0.2'));
  const found = await look();
  expect(found[0]).toBe('ok 1 hosts would be published, 1 endpoints that take traffic and 0 that do not');
  expect(found[1]).toMatch(/^warning orders\.mesh is claimed by several: one\/\S+ is published, two\/\S+ left out$/);
});

test('a registry that cannot be read is named, and what the others say is still told', async () => {
  await writeFile(join(dir, 'one.yaml'), service('orders.mesh', '10.0.0.1'));
  const found = await look(300);
  expect(found[0]).toMatch(/^warning two could not be read completely in time/);
  expect(found[1]).toMatch(/^ok 1 hosts would be published/);
});
