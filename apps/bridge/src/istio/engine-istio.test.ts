import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import type { MeshHost } from '@isthmus/model';
import { Engine } from '../engine/engine.ts';
import { registryKinds } from '../registries.ts';
import { checkIstio, formatIstioProblem } from './check-istio.ts';

const ENTRY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1 }]
`;
const RULE = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  http:
    - timeout: 3s
      route: [{ destination: { host: api.example.com } }]
`;

let directory: string;
let engine: Engine | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'istio-engine-'));
  await mkdir(join(directory, 'istio.d'));
  await writeFile(join(directory, 'services.yaml'), 'services: []\n');
});
afterEach(async () => {
  await engine?.stop();
  engine = undefined;
  await rm(directory, { recursive: true });
});

const put = (name: string, text: string) => writeFile(join(directory, 'istio.d', name), text);

function config(istio: object) {
  const text = JSON.stringify({
    version: 1,
    meshId: 'shop',
    registries: [{ name: 'fixed', kind: 'file', path: 'services.yaml' }],
    istio,
  });
  const parsed = parseConfig(join(directory, 'isthmus.yaml'), new TextEncoder().encode(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

async function start(): Promise<Engine> {
  engine = new Engine(config({ dir: 'istio.d' }), await FileLedger.open(join(directory, 'ledger')));
  engine.start();
  return engine;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 15_000; !condition(); await wait(10))
    if (performance.now() > end) throw new Error(`not so in time: ${what}`);
}

const served = (of: Engine) => JSON.stringify([...of.istio.store.objects()].map(({ kind, name }) => [kind, name]));

describe('a bridge with istio.dir', () => {
  test('has the services of ServiceEntries, and is ready once the files and the registries were read', async () => {
    await put('a.yaml', ENTRY);
    const bridge = await start();
    await bridge.readiness.ready;
    expect(bridge.readiness.state).toBe('complete');
    const service = bridge.catalog.merged('api.example.com' as MeshHost);
    expect(service).toMatchObject({ namespace: 'shop', resolution: 'static', declared: { external: true } });
    expect(service?.endpoints.map(({ endpoint }) => endpoint.address)).toEqual(['10.0.0.1']);
  });

  test('takes rules as their files change, keeps the last good one, and says what is wrong until it is mended', async () => {
    const bridge = await start();
    await put('a.yaml', `${ENTRY}---\n${RULE}`);
    await until('both objects', () => served(bridge) === '[["ServiceEntry","api"],["VirtualService","api"]]');
    await put('a.yaml', `${ENTRY}---\n${RULE.replace('3s', '0s')}`);
    await until('a diagnostic', () => bridge.diagnostics.length > 0);
    const [diagnostic] = bridge.diagnostics;
    expect(diagnostic).toMatchObject({
      code: 'istio.invalid',
      severity: 'error',
      meaning: 'its last good version stays in force',
    });
    expect(diagnostic?.where).toMatch(/istio\.d\/a\.yaml:16:16$/);
    expect(diagnostic?.what).toBe('VirtualService shop/api: spec.http[0].timeout is shorter than 1ms');
    expect(served(bridge)).toContain('VirtualService');
    await put('a.yaml', `${ENTRY}---\n${RULE}`);
    await until('no diagnostic', () => bridge.diagnostics.length === 0);
  });

  test('says where the directory is missing, and goes on without it', async () => {
    await rm(join(directory, 'istio.d'), { recursive: true });
    const bridge = await start();
    await bridge.readiness.ready;
    expect(bridge.diagnostics).toMatchObject([
      { code: 'istio.unreadable', where: join(directory, 'istio.d'), what: 'cannot be read: it is not there' },
    ]);
  });
});

describe('isthmus check', () => {
  test('names every mistake of all files at its place, errors before warnings', async () => {
    await put('a.yaml', RULE.replace('3s', 'soon'));
    await put(
      'b.yaml',
      `${ENTRY.replace('10.0.0.1', 'vm')}---\n${RULE.replace('name: api', 'name: other').replace('api.example.com]', 'api.example.com, "*.example.com"]')}`,
    );
    await put('c.yaml', 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default }\n');
    await put('d.yaml', 'a: [');
    const { problems } = await checkIstio(config({ dir: 'istio.d' }));
    const first = problems.map((problem) =>
      formatIstioProblem(problem)
        .split('\n')[0]
        ?.replace(/^.*istio\.d\//, ''),
    );
    expect(first).toEqual([
      'a.yaml:7:16: VirtualService shop/api: spec.http[0].timeout is "soon"',
      'b.yaml:8:26: ServiceEntry shop/api: spec.endpoints[0].address is "vm", which is no IP address',
      'b.yaml:14:28: VirtualService shop/other: spec.hosts[1] is "*.example.com", which "api.example.com" covers or is covered by',
      expect.stringContaining('d.yaml:1:5: is not valid YAML'),
      'c.yaml:2:7: warning: kind PeerAuthentication is not in this version: the object has no effect',
    ]);
  });

  test('has nothing to say of files that are fine', async () => {
    await put('a.yaml', `${ENTRY}---\n${RULE}`);
    expect(await checkIstio(config({ dir: 'istio.d' }))).toEqual({ objects: 2, problems: [] });
  });
});
