import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadConfig } from '@isthmus/config';
import { IsthmusError } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { fileRegistry } from '@isthmus/registry-file';
import { MemoryRegistry } from '@isthmus/registry/testing';
import { survey } from './doctor-survey.ts';

const services = `services:
  - { host: orders.mesh, ports: [{ number: 80, protocol: http }], endpoints: [{ address: 10.0.0.1, port: 8080 }] }
  - { host: stock.mesh, ports: [{ number: 80, protocol: http }], endpoints: [{ address: 10.0.0.2, port: 8080 }] }
`;

let dir: string;
let target: MemoryRegistry;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-writes-'));
  target = new MemoryRegistry();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A file that also is a registry that can be written to. */
const writable = () => ({
  ...fileRegistry,
  sink: { places: { namespace: false, group: false }, wire: () => target.wire() },
  corrector: () => ({
    disable: () => Promise.reject(new Error('not asked for')),
    enable: () => Promise.reject(new Error('not asked for')),
    mayCorrect: async ({ name }: ServiceKey) => {
      if (target.forbidden.has(name)) throw new IsthmusError('registry.auth', `no rights on ${name}`, { remedy: 'grant it' });
    },
    close: () => undefined,
  }),
});

async function written(section: string): Promise<readonly string[]> {
  const file = join(dir, 'isthmus.yaml');
  await writeFile(join(dir, 'from.yaml'), services);
  await writeFile(join(dir, 'to.yaml'), services.replaceAll('.mesh', '.legacy'));
  await writeFile(
    file,
    `version: 1
meshId: shop
registries:
  - { name: from, kind: file, path: from.yaml }
  - { name: to, kind: file, path: to.yaml }
outputs: { xds: { listen: 127.0.0.1:1 } }
${section}
`,
  );
  const loaded = await loadConfig(file, { kinds: [writable()] });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const found = await survey(loaded.config, 10_000);
  return found.written.map(({ level, what, remedy }) => [level, what, remedy].filter((part) => part !== undefined).join(' | '));
}

test('each name that would be published is asked for, and those that are refused are named with what to do', async () => {
  target.forbidden.add('stock');
  const publish = `publish: [{ to: to, services: ['orders.mesh'], name: orders }, { to: to, services: ['stock.mesh'], name: stock }]`;
  const [ok, refused, ...more] = await written(publish);
  expect(ok).toBe('ok | the account may publish into to: orders');
  expect(refused).toMatch(/^error \| cannot publish into to, stock: permission denied for stock \| see docs\/way-back\.md/);
  expect(more).toEqual([]);
  expect(target.calls.filter((call) => !call.startsWith('may write'))).toEqual([]);
});

test('a publication that nothing matches is a warning', async () => {
  const found = await written(`publish: [{ to: to, services: ['nobody.mesh'] }]`);
  expect(found).toEqual([expect.stringMatching(/^warning \| nothing of what was read would be published into to \| compare/)]);
});

test('the right to take instances out is asked for per service of the registry', async () => {
  target.forbidden.add('stock.legacy');
  const found = await written(`liveness: { kubernetes: [], correct: { registries: [to] } }`);
  expect(found).toEqual([
    'ok | the account may take instances out in to: orders.legacy',
    'error | cannot take instances out in to, stock.legacy: no rights on stock.legacy | grant it',
  ]);
});

test('without anything to write nothing is said', async () => {
  expect(await written('')).toEqual([]);
});
