import { toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseIstioYaml } from '@isthmus/policy';
import { WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { claimOf } from '../../apps/bridge/src/istio/registration/claim.ts';
import { registeredEntry } from '../../apps/bridge/src/istio/registration/registered-entry.ts';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle, RegisteredObject } from './istiod-oracle.ts';
import { parseCase } from './oracle-case.ts';
import type { OracleCase } from './oracle-case.ts';
import { nodeInfo } from './our-bridge.ts';

/** When, and by which istiod, which it writes for itself. */
const ITS_OWN = ['istio.io/connectedAt', 'istio.io/workloadController'];

const FULL = `metadata: { labels: { app: group, tier: group }, annotations: { team: a } }
  template:
    { ports: { http: 8080, grpc: 9090 }, serviceAccount: orders, weight: 3, network: n0, labels: { app: template, from: template } }`;

/** A name, the group's spec, and what the node says. */
const CASES: readonly (readonly [name: string, spec: string, node: string])[] = [
  ['the template, the metadata and the labels of the proxy, each over the one before', FULL, 'labels: { app: own, more: own }'],
  ['a proxy without labels', FULL, '{}'],
  ['a group of nothing but a port', 'template: { ports: { http: 80 } }', 'labels: { app: web }'],
  ['an empty template', 'template: {}', '{}'],
  ['a group with metadata alone', '{ metadata: { labels: { app: a } }, template: {} }', '{}'],
  ['network and locality of the proxy', FULL, '{ locality: eu/a/r1, metadata: { NETWORK: n1 } }'],
  ['a region', FULL, 'locality: eu'],
  ['a region and a zone', FULL, 'locality: eu/a'],
  ['the label that stands for the locality', FULL, 'labels: { app: web, istio-locality: eu.a }'],
  ['IPv6', FULL, 'ip: fd00::7'],
  ['IPv6 and a network', FULL, '{ ip: "fd00::7", metadata: { NETWORK: n1 } }'],
  ['several addresses', FULL, 'metadata: { INSTANCE_IPS: "10.1.0.7,10.1.0.8" }'],
  ['addresses of which one is none', FULL, 'metadata: { INSTANCE_IPS: "10.1.0.7,here" }'],
  ['an agent that probes', FULL, 'metadata: { PROXY_CONFIG: { readinessProbe: { httpGet: { port: 8080 } } } }'],
  ['a probe of the group alone', `${FULL}\n  probe: { httpGet: { port: 8080 } }`, '{}'],
  [
    'annotations of the group that are its own',
    'metadata: { annotations: { istio.io/autoRegistrationGroup: x } }\n  template: {}',
    '{}',
  ],
];

function caseOf(name: string, spec: string, node: string): OracleCase {
  const at = spec.startsWith('{') ? ` ${spec}` : `\n  ${spec}`;
  const group = `apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: { name: vm, namespace: shop }\nspec:${at}\n`;
  const read = parseCase(name, `# ${name}\nnode: ${node.startsWith('{') ? node : `{ ${node} }`}\nshows: {}\n---\n${group}`);
  return { ...read, node: { ...read.node, metadata: { ...read.node.metadata, AUTO_REGISTER_GROUP: 'vm' } } };
}

function ours(oracleCase: OracleCase): Readonly<Record<string, RegisteredObject>> {
  const { objects } = parseIstioYaml(oracleCase.yaml, { file: oracleCase.name, defaultNamespace: 'shop' });
  const group = objects.find(({ kind }) => kind === 'WorkloadGroup') as IstioObject<'WorkloadGroup'>;
  const peer = { address: '10.0.0.9:1', identity: undefined };
  const claim = claimOf(nodeInfo(oracleCase), peer, { namespace: 'istio-system', domain: 'cluster.local' });
  if (claim === undefined || 'refused' in claim) throw new Error(claim?.refused ?? 'it registers nothing');
  const made = registeredEntry(claim, group);
  if ('problem' in made) throw new Error(made.problem);
  const { namespace, name, labels, annotations, spec } = made.entry;
  return {
    [`${namespace}/${name}`]: { labels, annotations, spec: toJson(WorkloadEntrySchema, spec) as RegisteredObject['spec'] },
  };
}

function theirs(registered: Readonly<Record<string, RegisteredObject>>): Readonly<Record<string, RegisteredObject>> {
  return Object.fromEntries(
    Object.entries(registered).map(([key, { labels, annotations, spec }]) => [
      key,
      {
        labels: labels ?? {},
        annotations: Object.fromEntries(Object.entries(annotations).filter(([name]) => !ITS_OWN.includes(name))),
        spec,
      },
    ]),
  );
}

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 600_000);
afterAll(async () => {
  await oracle?.[Symbol.asyncDispose]();
});

test.each(CASES)('a proxy registers as istiod would register it: %s', async (name, spec, node) => {
  const oracleCase = caseOf(name, spec, node);
  const registered = theirs(await oracle.registered(oracleCase));
  expect(Object.keys(registered)).toHaveLength(1);
  expect(ours(oracleCase)).toEqual(registered);
});
