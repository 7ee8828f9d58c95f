import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { SCOPE, openFile } from './testing/harness.ts';

let directory: string;
let file: string;
let view: Collector;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-file-source-'));
  file = join(directory, 'services.yaml');
});
afterEach(async () => {
  await view.stop();
  expect(view.violations).toEqual([]);
  await rm(directory, { recursive: true });
});

const replace = async (text: string | Uint8Array) => {
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
};
const isLive = () => view.status(SCOPE)?.state === 'live';
const cause = () => {
  const status = view.status(SCOPE);
  return status?.state === 'stale' ? status.cause : undefined;
};
const stale = (reason: RegExp) => view.until(`stale: ${reason}`, () => reason.test(cause() ?? ''));
const one = (host: string, more = '') =>
  `services:\n  - host: ${host}\n    endpoints: [{ address: 10.0.0.1, port: 8080${more} }]\n`;
const snapshots = () => view.events.filter((event) => event.kind === 'snapshot').length;

describe('four different things', () => {
  beforeEach(async () => {
    await writeFile(file, one('billing.mesh'));
    view = collect(openFile(file));
    await view.until('live', isLive);
  });

  test('a file that is gone is stale, for as long as it is gone', async () => {
    await rm(file);
    await stale(/there is no such file/);
    expect(view.has('billing.mesh')).toBe(true);
    await writeFile(file, one('billing.mesh'));
    await view.until('live again', isLive);
  });

  test('a path that cannot be read is stale', async () => {
    await rm(file);
    await mkdir(file);
    await stale(/is a directory/);
    expect(view.has('billing.mesh')).toBe(true);
  });

  test.each([
    ['an empty file, as an editor leaves it for a moment', '', /1:1: is empty/],
    ['a document without anything in it', '---\n# nothing\n', /1:1: is empty/],
    ['no UTF-8', Buffer.from([0x61, 0xff]), /is not UTF-8/],
    ['too much of it', Buffer.alloc(4 * 1024 * 1024 + 10, 0x20), /the most is 4194304/],
    ['half of a file', 'services:\n  - host: other.mesh\n    endpoints: [{ address: 10.0.0.1, po', /is not valid YAML/],
    ['something else', 'kind: Deployment\n', /kind "Deployment" is not read here/],
  ])('%s is stale', async (_, content, reason) => {
    await replace(content);
    await stale(reason);
    expect(view.has('billing.mesh')).toBe(true);
    expect(new Set(view.diagnostics(SCOPE).map((d) => d.code))).toEqual(new Set(['answer.invalid']));
    await replace(one('billing.mesh', ', weight: 2'));
    await view.until('mended', isLive);
    expect(view.endpoints('billing.mesh')[0]?.weight).toBe(2);
    expect(view.diagnostics(SCOPE)).toEqual([]);
  });

  test('a list without services is empty', async () => {
    await replace('services: []\n');
    await view.until('empty', () => view.services.size === 0);
    expect(isLive()).toBe(true);
  });
});

test('every error comes at once, with file, line and column, and nothing of the file is used', async () => {
  await writeFile(
    file,
    `services:
  - host: billing.mesh
    ports: [{ number: 80 }, { number: 80, protocol: grpc }]
    endpoints:
      - { address: 10.0.0.256, port: 8080 }
      - { address: 10.0.0.1, port: 80800, wieght: 3 }
  - host: not a host
    endpoints: [{ address: 10.0.0.2, port: 8080, health: sick }]
`,
  );
  view = collect(openFile(file));
  await stale(/services\.yaml:5:20: .*\(and \d more\)/);
  const said = view.diagnostics(SCOPE).map(({ where, what }) => `${where.slice(directory.length + 1)} ${what}`);
  expect(said).toEqual([
    'services.yaml:5:20 services[0].endpoints[0].address is "10.0.0.256", which is no address that can be dialled',
    'services.yaml:6:36 services[0].endpoints[1].port is 80800',
    'services.yaml:6:43 services[0].endpoints[1].wieght is no key of the config',
    'services.yaml:7:11 services[1].host is "not a host", which is no DNS name',
    'services.yaml:8:58 services[1].endpoints[0].health is "sick"',
  ]);
  expect(snapshots()).toBe(0);
});

test('what contradicts itself is said with its place', async () => {
  await writeFile(
    file,
    `services:
  - host: billing.mesh
    ports: [{ number: 80 }, { number: 81, protocol: grpc }, { number: 81 }]
    endpoints:
      - { address: 10.0.0.1, port: 8080 }
      - { address: 10.0.0.2, ports: { http-80: 8080, grpc: 9090 } }
  - host: Billing.mesh
`,
  );
  view = collect(openFile(file));
  await stale(/there is twice|twice/);
  const said = view.diagnostics(SCOPE).map(({ where, what }) => `${where.slice(directory.length + 1)} ${what}`);
  expect(said).toEqual([
    'services.yaml:3:61 billing.mesh: port 81 (http-81) is there twice',
    'services.yaml:5:9 billing.mesh: the endpoint names no ports',
    'services.yaml:6:54 billing.mesh: port "grpc" is none of the service',
    'services.yaml:7:11 host Billing.mesh is there twice',
  ]);
});

test('a service has ports, address, namespace and what its endpoints say', async () => {
  await writeFile(
    file,
    `services:
  - host: Billing.mesh
    ports: [{ number: 81, protocol: grpc }, { number: 80, name: web }]
    address: 10.96.0.7
    meshNamespace: legacy
    exportTo: [shop]
    endpoints:
      - { address: 10.0.0.1, ports: { web: 8080, grpc-81: 9090 }, weight: 0.5, zone: az-1, region: eu, labels: { version: v2 } }
      - { address: db.internal, ports: { web: 8081 }, health: disabled, network: vm, serviceAccount: billing }
`,
  );
  view = collect(openFile(file));
  await view.until('live', isLive);
  const [record] = [...view.services.values()];
  expect(record).toMatchObject({ host: 'billing.mesh', vip: '10.96.0.7', meshNamespace: 'legacy', exportTo: ['shop'] });
  expect(record?.ports).toEqual([
    { number: 80, name: 'web', protocol: 'http' },
    { number: 81, name: 'grpc-81', protocol: 'grpc' },
  ]);
  expect(record?.endpoints).toMatchObject([
    { address: '10.0.0.1', port: 8080, portName: 'web', protocol: 'http', weight: 0.5, labels: { version: 'v2' } },
    { address: '10.0.0.1', port: 9090, portName: 'grpc-81', protocol: 'grpc', locality: { region: 'eu', zone: 'az-1' } },
    { address: 'db.internal', addressType: 'dns', port: 8081, health: 'disabled', network: 'vm', identity: 'billing' },
  ]);
});

test('Istio’s own documents may stand beside, selecting each other, also as kubectl lists them', async () => {
  await writeFile(
    file,
    `${one('own.mesh')}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: billing, namespace: legacy }
spec:
  hosts: [billing.mesh]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  resolution: STATIC
  workloadSelector: { labels: { app: billing } }
---
apiVersion: v1
kind: List
items:
  - apiVersion: networking.istio.io/v1alpha3
    kind: WorkloadEntry
    metadata: { name: vm-1, namespace: legacy, creationTimestamp: null }
    spec: { address: 10.0.0.9, labels: { app: billing }, locality: eu/az-1 }
    status: {}
  - apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: { name: vm-2, namespace: other }
    spec: { address: 10.0.0.10, labels: { app: billing } }
`,
  );
  view = collect(openFile(file));
  await view.until('live', isLive);
  expect(view.endpoints('own.mesh')).toHaveLength(1);
  expect(view.endpoints('billing.mesh')).toMatchObject([
    { instanceId: 'legacy/vm-1', address: '10.0.0.9', port: 8080, locality: { region: 'eu', zone: 'az-1', subzone: '' } },
  ]);
});

test('a file in place of another is read, one that says the same changes nothing', async () => {
  await writeFile(file, one('a.mesh'));
  view = collect(openFile(file));
  await view.until('live', isLive);
  await replace(await readFile(file));
  await writeFile(file, one('b.mesh'));
  await view.until('b', () => view.has('b.mesh'));
  expect(view.has('a.mesh')).toBe(false);
  expect(snapshots()).toBe(2);
});

test('a large file is read in a thread, its errors have their places too', async () => {
  const many = Array.from({ length: 300 }, (_, n) => `  - host: s${n}.mesh\n    endpoints: [{ address: 10.0.0.1, port: 80 }]\n`);
  await writeFile(file, `services:\n${many.join('')}`);
  view = collect(openFile(file));
  await view.until('live', isLive);
  expect(view.services.size).toBe(300);
  await replace(`services:\n${many.join('')}  - host: s7.mesh\n`);
  await stale(/services\.yaml:602:11: host s7\.mesh is there twice/);
  expect(view.services.size).toBe(300);
});
