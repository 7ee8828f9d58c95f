import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { positionOf } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import type { Engine } from '../engine/engine.ts';
import { ENTRY, HOST, IstioWorld } from './testing/istio-world.ts';

const OUTPUTS = { files: { dir: 'out' }, mcp: { listen: '127.0.0.1:0' } };

let world: IstioWorld;
let engine: Engine;

beforeEach(async () => {
  world = await IstioWorld.open();
  await world.write('rules/entry.yaml', ENTRY);
  engine = await world.start(istio(['front', 'shop']), { outputs: OUTPUTS });
  await engine.readiness.ready;
});

afterEach(() => world.close());

const istio = (callerNamespaces: readonly string[]) => ({ dir: 'rules', callerNamespaces });
const callersAre = (namespaces: readonly string[]) => engine.reconfigure(world.config(istio(namespaces), { outputs: OUTPUTS }));

/** Namespaces of what is said to callers, in files and over MCP. */
async function told(): Promise<string> {
  const text = await readFile(join(world.directory, 'out', `${HOST}.yaml`), 'utf8').catch(() => '');
  const inFiles = [...text.matchAll(/kind: VirtualService\nmetadata:\n  name: .*\n  namespace: (\S+)/g)].map(([, of]) => of);
  const names = [...engine.mcp.resources('networking.istio.io/v1/VirtualService').keys()];
  return JSON.stringify([inFiles.sort(), names.map((name) => name.split('/')[0]).sort()]);
}

test('callers are told in other namespaces as soon as the config names them, and those that it leaves out no more', async () => {
  engine.mesh.publisher.queuePositions([
    { consumers: ['web'], target: { host: HOST, port: 80 }, position: positionOf('traffic') },
  ]);
  // What is queued counts with the next rule.
  await world.write('rules/more.yaml', ENTRY.replace('name: api', 'name: other').replace(HOST, 'other.example.com'));
  const are = (namespaces: readonly string[]) => async () => (await told()) === JSON.stringify([namespaces, namespaces]);
  await until('the first', are(['front', 'shop']));
  await callersAre(['back', 'shop']);
  await until('the others', are(['back', 'shop']));
  expect([...engine.diagnostics].filter(({ code }) => code === 'config.reload')).toEqual([]);
  await callersAre([]);
  await until('none', are([]));
});
