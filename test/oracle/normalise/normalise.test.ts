import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences } from '../differences.ts';
import { noResources, resourceKinds } from '../resource-set.ts';
import type { Json, JsonObject, ResourceKind, ResourceSet } from '../resource-set.ts';
import { mutations } from './mutations.ts';
import type { Mutation } from './mutations.ts';
import { normalise } from './normalise.ts';
import { isUnordered } from './unordered.ts';

/** Some resources as istiod sent them, of each kind and with everything in them that is left out. */
const answer = JSON.parse(readFileSync(join(import.meta.dirname, '../testdata/istiod-answer.json'), 'utf8')) as ResourceSet;

/** Where a change is meant not to be seen: nothing else may be. */
const unseen: readonly RegExp[] = [
  /(^|\/)(altStatName|statPrefix)$/,
  /\/filterMetadata\/istio(\/|$)/,
  // The SDS of Istio's agent, but for the name, which says the files.
  /SdsSecretConfig(s\/0)?\/sdsConfig\//,
];

function isMeantToBeUnseen(resource: JsonObject, { what, path }: Mutation): boolean {
  const steps = path.split('/');
  const here = valuesAlong(resource, steps);
  if (unseen.some((pattern) => pattern.test(path))) return true;
  if (what === 'added' && path.endsWith('/sdsConfig')) return true;
  if (what === 'put the other way round') {
    const different = new Set(Object.values(here.at(-1) as JsonObject).map((element) => JSON.stringify(element)));
    return isUnordered(steps.at(-1) ?? '', steps.at(-2) ?? '') || different.size < 2;
  }
  // What holds nothing but what is left out may be there or not.
  const last = here.at(-1);
  const metadata = steps.at(-1) === 'filterMetadata' ? here.at(-2) : last;
  return what === 'taken out' && JSON.stringify(alone(metadata)) === JSON.stringify(alone(undefined));
}

/** The values that a path leads through, the one that it leads to last. */
function valuesAlong(resource: JsonObject, steps: readonly string[]): readonly Json[] {
  let at: Json = resource;
  return steps.map((step) => (at = (at as JsonObject)[step] as Json));
}

function alone(metadata: Json | undefined): ResourceSet {
  return one('clusters', metadata === undefined ? {} : { metadata });
}

function one(kind: ResourceKind, resource: JsonObject): ResourceSet {
  return normalise({ ...noResources, [kind]: { it: resource } });
}

const resources = resourceKinds.flatMap((kind) =>
  Object.entries(answer[kind]).map(([name, resource]) => [`${kind} ${name}`, kind, resource] as const),
);

// The route of the explicit proxy has tests of its own.
test.each(resources.filter(([name]) => name !== 'routes http_proxy'))(
  'a change anywhere is seen, but where a difference is expected: %s',
  (_name, kind, resource) => {
    const base = one(kind, resource);
    const hidden: string[] = [];
    let seen = 0;
    for (const mutation of mutations(resource)) {
      if (differences(base, one(kind, mutation.mutated)).length > 0) seen += 1;
      else if (!isMeantToBeUnseen(resource, mutation)) hidden.push(`${mutation.what}: ${mutation.path}`);
    }
    expect(hidden).toEqual([]);
    expect(seen).toBeGreaterThan(20);
  },
);

test('domains of the explicit proxy have no ports, and unknown hosts are refused, whatever the text', () => {
  const route = answer.routes['http_proxy'] as JsonObject;
  const text = JSON.stringify(one('routes', route));
  expect(text).toContain('"orders.shop"');
  expect(text).not.toMatch(/"[a-z.]+:80"\]|"orders:80"/);
  expect(text).toContain('block_all');
  expect(text).not.toContain('allow_any');
});

test('a missing answer to unknown hosts, another cluster, and other names are seen on the route of the explicit proxy', () => {
  const route = answer.routes['http_proxy'] as JsonObject;
  const hosts = route['virtualHosts'] as readonly JsonObject[];
  const base = one('routes', route);
  const changed = (virtualHosts: readonly JsonObject[]): number =>
    differences(base, one('routes', { ...route, virtualHosts })).length;
  expect(changed(hosts)).toBe(0);
  expect(changed(hosts.filter(({ name }) => name !== 'allow_any'))).toBeGreaterThan(0);
  const text = JSON.stringify(hosts);
  expect(changed(JSON.parse(text.replaceAll('outbound|80||orders', 'outbound|80||other')) as JsonObject[])).toBeGreaterThan(0);
  expect(changed(JSON.parse(text.replaceAll('"orders.shop"', '"orders.ship"')) as JsonObject[])).toBeGreaterThan(0);
  expect(
    changed(JSON.parse(text.replaceAll('"PassthroughCluster"', '"outbound|80||elsewhere"')) as JsonObject[]),
  ).toBeGreaterThan(0);
});

test('files that the agent would serve are the files themselves, with the machine’s CAs by their path', () => {
  const sds = (name: string): JsonObject => ({
    name,
    sdsConfig: { apiConfigSource: { grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }] } },
  });
  const context = (ca: string): JsonObject => ({
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [sds('file-cert:/c.pem~/k.pem')],
      combinedValidationContext: { defaultValidationContext: {}, validationContextSdsSecretConfig: sds(ca) },
    },
  });
  const files = (ca: string): JsonObject => ({
    commonTlsContext: {
      tlsCertificates: [{ certificateChain: { filename: '/c.pem' }, privateKey: { filename: '/k.pem' } }],
      validationContext: { trustedCa: { filename: ca } },
    },
  });
  expect(one('clusters', context('file-root:/ca.pem'))).toEqual(one('clusters', files('/ca.pem')));
  expect(one('clusters', context('file-root:system'))).toEqual(one('clusters', files('/etc/ssl/certs/ca-certificates.crt')));
  expect(one('clusters', context('ROOTCA'))).not.toEqual(one('clusters', files('/ca.pem')));
});
