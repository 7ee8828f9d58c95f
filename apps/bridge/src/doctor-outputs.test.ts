import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { FakeApi } from '@isthmus/kube/testing';
import { stringify } from 'yaml';
import { examineCluster, examineFiles } from './doctor-outputs.ts';
import { registryKinds } from './registries.ts';

let dir: string;
let api: FakeApi;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-doctor-'));
  api = new FakeApi();
  await api.start();
});

afterEach(async () => {
  await api.stop();
  await rm(dir, { recursive: true });
});

async function cluster(token = 'right', more: object = {}) {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  await writeFile(join(dir, 'kubeconfig'), stringify(kubeconfig));
  const config = {
    version: 1,
    meshId: 'shop',
    registries: [{ name: 'a', kind: 'file', path: 'a.yaml' }],
    outputs: { kubernetes: { kubeconfig: 'kubeconfig' } },
    ...more,
  };
  const result = parseConfig(join(dir, 'isthmus.yaml'), Buffer.from(stringify(config)), { kinds: registryKinds });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return examineCluster(result.config, AbortSignal.timeout(60_000)); // a full machine loads the client in ten seconds
}

describe('doctor, of the files output', () => {
  test('says that the directory can be written, or made, and writes nothing to find out', async () => {
    await mkdir(join(dir, 'out'));
    await writeFile(join(dir, 'out', 'a.yaml'), '');
    expect(await examineFiles(join(dir, 'out'))).toMatchObject({ level: 'ok', what: expect.stringContaining('1 YAML files') });
    expect(await examineFiles(join(dir, 'not', 'there'))).toMatchObject({
      level: 'ok',
      what: expect.stringContaining('can be made'),
    });
    expect((await readdir(dir)).sort()).toEqual(['out']);
  });

  test('says that a file is in its way', async () => {
    await writeFile(join(dir, 'out'), '');
    expect(await examineFiles(join(dir, 'out'))).toMatchObject({ level: 'error', what: expect.stringContaining('ENOTDIR') });
  });
});

describe('doctor, of the Kubernetes output', () => {
  test('says how many objects are there when all rights are', async () => {
    expect(await cluster()).toMatchObject([
      { level: 'ok', what: expect.stringContaining('lets us write them; 0 are in namespace isthmus') },
    ]);
  });

  test('names each right that is missing, as the line that a Role needs', async () => {
    api.forbidden.add('patch serviceentries').add('delete serviceentries');
    expect(await cluster()).toEqual(
      ['patch', 'delete'].map((verb) => ({
        level: 'error',
        what: `kubernetes: the account may not ${verb} serviceentries`,
        remedy: `add { apiGroups: ["networking.istio.io"], resources: ["serviceentries"], verbs: [${verb}] }`,
      })),
    );
  });

  test('asks for the rights in the namespaces of callers too', async () => {
    api.forbidden.add('create virtualservices');
    expect(await cluster('right', { istio: { dir: 'istio.d', callerNamespaces: ['shop'] } })).toEqual([
      {
        level: 'error',
        what: 'kubernetes: the account may not create virtualservices in shop, which istio.callerNamespaces names',
        remedy: 'add { apiGroups: ["networking.istio.io"], resources: ["virtualservices"], verbs: [create] }',
      },
    ]);
  });

  test('says that the kind is not installed, that the token is wrong, that nobody answers', async () => {
    api.unknown.add('serviceentries');
    expect(await cluster()).toMatchObject([{ level: 'error', remedy: expect.stringContaining('CustomResourceDefinitions') }]);
    expect(await cluster('wrong')).toMatchObject([{ level: 'error', remedy: expect.stringContaining('token') }]);
    await api.stop();
    expect(await cluster()).toMatchObject([{ level: 'error', what: expect.stringContaining('cannot be reached') }]);
  });
});
