import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { explain } from '../control/explain.ts';
import type { Engine } from '../engine/engine.ts';
import { checkIstio, formatIstioProblem } from './check-istio.ts';
import { ENTRY, IstioWorld, rule } from './testing/istio-world.ts';

const RULE = rule('3s');

const SUBSET = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec: { host: api.example.com, subsets: [{ name: v1, labels: { version: v1 } }] }
`;

let world: IstioWorld;
beforeEach(async () => {
  world = await IstioWorld.open();
  await mkdir(join(world.directory, 'istio.d'));
});
afterEach(() => world.close());

const put = (name: string, text: string) => world.write(join('istio.d', name), text);
const start = () => world.start({ dir: 'istio.d' });
const check = () => checkIstio(world.config({ dir: 'istio.d' }));
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

  test('that starts again with what its ledger knows is not ready before the rules are in what proxies are told', async () => {
    await put('a.yaml', ENTRY);
    for (let n = 0; n < 200; n += 1)
      await put(`rule-${n}.yaml`, SUBSET.replace('name: v1', `name: v${n}`).replace('name: api', `name: api-${n}`));
    await (
      await start()
    ).readiness.ready;
    const again = await start();
    await again.readiness.ready;
    const clusters = explain(again, 'api.example.com').matches[0]?.outputs.xds.map(({ name }) => name);
    expect(clusters).toEqual(expect.arrayContaining([expect.stringContaining('|v0|'), expect.stringContaining('|v199|')]));
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

  test('explains which rules a host has, where they are written, and what of them is wrong', async () => {
    const destination = (name: string, spec: string) =>
      `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name}, namespace: shop }\nspec: ${spec}\n`;
    await put('a.yaml', `${ENTRY}---\n${RULE}`);
    await put(
      'b.yaml',
      destination('api', '{ host: api.example.com, subsets: [{ name: v1 }], trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }'),
    );
    await put('c.yaml', destination('more', '{ host: api.example.com, subsets: [{ name: v2 }] }'));
    await put(
      'd.yaml',
      'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: narrow, namespace: web }\nspec: { workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }\n',
    );
    await put('e.yaml', RULE.replace('name: api', 'name: other').replace('hosts: [api', 'hosts: [other'));
    const bridge = await start();
    await bridge.readiness.ready;
    const xds = () => explain(bridge, 'api.example.com').matches[0]?.outputs.xds.map(({ name }) => name) ?? [];
    await until('clusters of the subsets', () => xds().includes('outbound|80|v2|api.example.com'));
    expect(xds()).toContain('outbound|80|v1|api.example.com');
    const at = (file: string, line: number) => expect.stringMatching(new RegExp(`istio\\.d/${file}:${line}:1$`));
    const both = expect.stringMatching(/b\.yaml:1:1 \+ .*c\.yaml:1:1$/);
    expect(explain(bridge, 'api.example.com').matches[0]?.trafficRules).toEqual({
      virtualServices: [
        { name: 'shop/api', place: at('a.yaml', 10), namesHost: true, sendsTo: true, gateways: ['mesh'], delegates: [] },
        { name: 'shop/other', place: at('e.yaml', 1), namesHost: false, sendsTo: true, gateways: ['mesh'], delegates: [] },
      ],
      destinationRules: [{ name: 'shop/api', place: both, callers: ['shop', '*'], subsets: ['v1', 'v2'] }],
      hiddenBy: [{ name: 'web/narrow', place: at('d.yaml', 1), selector: { app: 'web' } }],
      diagnostics: [expect.objectContaining({ code: 'istio.warning', what: expect.stringContaining('ISTIO_MUTUAL') })],
    });
    expect(bridge.diagnostics.map(({ what }) => what)).toEqual([expect.stringContaining('ISTIO_MUTUAL')]);
  });

  test('says where the directory is missing, and goes on without it', async () => {
    await rm(join(world.directory, 'istio.d'), { recursive: true });
    const bridge = await start();
    await bridge.readiness.ready;
    expect(bridge.diagnostics).toMatchObject([
      { code: 'istio.unreadable', where: join(world.directory, 'istio.d'), what: 'cannot be read: it is not there' },
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
    const { problems } = await check();
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

  test('says what of valid rules has no effect here, and which delegate is not there', async () => {
    await put(
      'a.yaml',
      `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop, annotations: { isthmus.dev/health-check: 'often' } }
spec: { host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE, credentialName: a } } }
---
${RULE.replace('route: [{ destination: { host: api.example.com } }]', 'delegate: { name: gone }').replace('timeout: 3s', 'name: a')}`,
    );
    const { problems } = await check();
    expect(problems.map(({ severity }) => severity)).toEqual(['error', 'warning', 'warning']);
    expect(problems.map(({ what }) => what).join('\n')).toMatch(
      /gone is not there[^]*isthmus\.dev\/health-check[^]*credentialName/,
    );
  });

  test('has nothing to say of files that are fine', async () => {
    await put('a.yaml', `${ENTRY}---\n${RULE}`);
    expect(await check()).toEqual({ objects: 2, problems: [] });
  });
});
