import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { positionOf } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import { Engine } from '../engine/engine.ts';
import { registryKinds } from '../registries.ts';

const HOST = 'api.example.com';
const ENTRY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [${HOST}]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`;

let directory: string;
let engine: Engine;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'istio-callers-'));
  await writeFile(join(directory, 'services.yaml'), 'services: []\n');
  await mkdir(join(directory, 'rules'));
  await writeFile(join(directory, 'rules/entry.yaml'), ENTRY);
  engine = new Engine(config(['front', 'shop']), await FileLedger.open(join(directory, 'ledger')));
  engine.start();
  await engine.readiness.ready;
});

afterEach(async () => {
  await engine.stop();
  await rm(directory, { recursive: true });
});

function config(callerNamespaces: readonly string[]) {
  const text = JSON.stringify({
    version: 1,
    meshId: 'shop',
    registries: [{ name: 'fixed', kind: 'file', path: 'services.yaml' }],
    istio: { dir: 'rules', callerNamespaces },
    outputs: { files: { dir: 'out' }, mcp: { listen: '127.0.0.1:0' } },
  });
  const parsed = parseConfig(join(directory, 'isthmus.yaml'), new TextEncoder().encode(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** Namespaces of what is said to callers, in files and over MCP. */
async function told(): Promise<string> {
  const text = await readFile(join(directory, 'out', `${HOST}.yaml`), 'utf8').catch(() => '');
  const inFiles = [...text.matchAll(/kind: VirtualService\nmetadata:\n  name: .*\n  namespace: (\S+)/g)].map(([, of]) => of);
  const names = [...engine.mcp.resources('networking.istio.io/v1/VirtualService').keys()];
  return JSON.stringify([inFiles.sort(), names.map((name) => name.split('/')[0]).sort()]);
}

test('callers are told in other namespaces as soon as the config names them, and those that it leaves out no more', async () => {
  engine.mesh.publisher.queuePositions([
    { consumers: ['web'], target: { host: HOST, port: 80 }, position: positionOf('traffic') },
  ]);
  await writeFile(
    join(directory, 'rules/more.yaml'),
    ENTRY.replace('name: api', 'name: other').replace(HOST, 'other.example.com'),
  ); // what is queued counts with the next rule
  const are = (namespaces: readonly string[]) => async () => (await told()) === JSON.stringify([namespaces, namespaces]);
  await until('the first', are(['front', 'shop']));
  await engine.reconfigure(config(['back', 'shop']));
  await until('the others', are(['back', 'shop']));
  expect([...engine.diagnostics].filter(({ code }) => code === 'config.reload')).toEqual([]);
  await engine.reconfigure(config([]));
  await until('none', are([]));
});
