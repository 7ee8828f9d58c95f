import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadConfig } from '@isthmus/config';
import { registryKinds } from '../registries.ts';
import { checkIstio } from './check-istio.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-check-'));
  await mkdir(join(dir, 'istio.d'));
  const nothing = '{ name: nothing, kind: file, path: services.yaml }';
  await writeFile(join(dir, 'isthmus.yaml'), `version: 1\nmeshId: test\nregistries: [${nothing}]\nistio: { dir: istio.d }\n`);
});

afterEach(() => rm(dir, { recursive: true }));

/** Each file's object is at its first line. */
async function problems(objects: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const api = 'apiVersion: networking.istio.io/v1';
  for (const [file, rest] of Object.entries(objects)) await writeFile(join(dir, 'istio.d', file), `{ ${api}, ${rest} }\n`);
  const loaded = await loadConfig(join(dir, 'isthmus.yaml'), { kinds: registryKinds });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { problems: found } = await checkIstio(loaded.config);
  return found.map(({ severity, where, what }) => `${severity} ${where} ${what}`.replaceAll(`${dir}/istio.d/`, ''));
}

const rule = (name: string, spec: string, namespace = 'shop'): string =>
  `kind: VirtualService, metadata: { name: ${name}, namespace: ${namespace} }, spec: ${spec}`;
const gateway = (name: string, servers: string, selector = '{ istio: edge }'): string =>
  `kind: Gateway, metadata: { name: ${name}, namespace: edge }, spec: { selector: ${selector}, servers: [${servers}] }`;
const TO = 'http: [{ route: [{ destination: { host: orders } }] }]';

test('a host of two VirtualServices is the older one’s for sidecars, however it is written, and the other is told of', async () => {
  expect(
    await problems({
      'a.yaml': rule('a', `{ hosts: [orders], ${TO} }`),
      'b.yaml': rule('b', `{ hosts: [Orders.shop.svc.cluster.local, other.example], ${TO} }`, 'other'),
      'mine.yaml': rule('mine', `{ hosts: [orders], exportTo: [.], ${TO} }`), // for one namespace: goes before, as it is meant
      'edge.yaml': rule('edge', `{ hosts: [orders], gateways: [edge/web], ${TO} }`),
    }),
  ).toEqual([
    'warning b.yaml:1:1 VirtualService other/b: the host orders.shop.svc.cluster.local is VirtualService shop/a’s already, at a.yaml:1:1',
  ]);
});

test('at a Gateway the routes of two VirtualServices are joined, and only those behind the same match are told of', async () => {
  const at = (match: string): string => `{ name: x, match: [${match}], route: [{ destination: { host: orders } }] }`;
  const routes = (...all: readonly string[]): string =>
    `{ hosts: [shop.example], gateways: [edge/web], http: [${all.join(', ')}] }`;
  expect(
    await problems({
      'a.yaml': rule('a', routes(at('{ uri: { prefix: /a } }, { uri: { prefix: /b } }'))),
      'b.yaml': rule('b', routes(at('{ uri: { prefix: /c } }'), at('{ name: again, uri: { prefix: /b } }'))),
      'c.yaml': rule('c', routes(at('{ uri: { prefix: /a } }, { uri: { prefix: /d } }'))),
    }),
  ).toEqual([
    'warning b.yaml:1:1 VirtualService shop/b: spec.http[1] is never used for the host shop.example at the Gateway edge/web: VirtualService shop/a, at a.yaml:1:1, takes the same requests',
  ]);
});

test('Gateways that want the same port of a router are told of: what is left out is an error, what is joined a warning', async () => {
  const server = (protocol: string, hosts: string, more = ''): string =>
    `{ port: { number: 8080, name: ${protocol.toLowerCase()}, protocol: ${protocol} }, hosts: [${hosts}]${more} }`;
  const tls = ', tls: { mode: PASSTHROUGH }';
  expect(
    await problems({
      'a.yaml': gateway('a', server('HTTP', 'shop.example, pay.example')),
      'b.yaml': gateway('b', server('HTTP', 'shop.example, other.example')),
      'c.yaml': gateway('c', server('TCP', '"*"')),
      'd.yaml': gateway('d', server('HTTP', 'shop.example'), '{ istio: edge, zone: b }'), // its router is of those with `istio: edge`
      'e.yaml': gateway('e', server('HTTP', 'shop.example'), '{ istio: other }'),
      'f.yaml': gateway('f', server('TLS', 'shop.example', tls), '{ istio: tls }'),
      'g.yaml': gateway('g', server('TLS', 'shop.example', tls), '{ istio: tls }'),
    }),
  ).toEqual([
    'error c.yaml:1:1 Gateway edge/c: server tcp (TCP on 8080) is left out: another server has port 8080 already, with protocol HTTP',
    'error g.yaml:1:1 Gateway edge/g: server tls (TLS on 8080) is left out: another server with TLS on this port has the host shop.example already',
    'warning b.yaml:1:1 Gateway edge/b: port 8080 with the host shop.example is Gateway edge/a’s too, at a.yaml:1:1',
    'warning d.yaml:1:1 Gateway edge/d: port 8080 with the host shop.example is Gateway edge/a’s too, at a.yaml:1:1',
  ]);
});
