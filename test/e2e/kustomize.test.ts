// deploy/kustomize as users apply it, at a real API server that refuses unknown fields.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { startCli } from './support/cli.ts';
import { apply, kustomize, podOf } from './support/kustomize.ts';
import type { Manifest } from './support/kustomize.ts';

const ROOT = join(import.meta.dirname, '../..');
const BASE = join(ROOT, 'deploy/kustomize/base');
const ACCOUNT = 'system:serviceaccount:isthmus:isthmus';

describe('the kustomize base', () => {
  let kubernetes: KubernetesServer;
  let manifests: readonly Manifest[];

  beforeAll(async () => {
    manifests = await kustomize(BASE);
    kubernetes = await startKubernetes({ istioCrds: true });
  }, 300_000);
  afterAll(() => kubernetes?.stop());

  test('every object is taken by the API server, no field is unknown to it', async () => {
    for (const manifest of manifests) {
      const { status, body } = await apply(kubernetes, manifest);
      expect([manifest.kind, manifest.metadata.name, status < 300 ? 'taken' : body]).toEqual([
        manifest.kind,
        manifest.metadata.name,
        'taken',
      ]);
    }
  });

  test('its Pod keeps the restricted Pod security standard, which its namespace enforces', async () => {
    const pod = podOf(manifests, 'tried');
    const path = '/api/v1/namespaces/isthmus/pods';
    expect((await kubernetes.call({ method: 'POST', path, body: pod })).status).toBe(201);
    const rootly = { ...podOf(manifests, 'rootly'), spec: { ...(pod.spec as object), securityContext: {} } };
    expect((await kubernetes.call({ method: 'POST', path, body: rootly })).status).toBe(403);
  });

  test.each([
    ['list', '', 'pods', '', true],
    ['watch', 'discovery.k8s.io', 'endpointslices', '', true],
    ['patch', 'networking.istio.io', 'serviceentries', 'isthmus', true],
    ['update', 'coordination.k8s.io', 'leases', 'isthmus', true],
    ['get', '', 'secrets', '', false],
    ['get', '', 'secrets', 'isthmus', false],
    ['delete', '', 'pods', '', false],
    ['create', 'networking.istio.io', 'serviceentries', 'default', false],
    ['patch', 'networking.istio.io', 'virtualservices', 'isthmus', false],
  ])('its account may %s %s/%s in "%s": %s', async (verb, group, resource, namespace, allowed) => {
    const answer = (await kubernetes.must({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: ACCOUNT, resourceAttributes: { verb, group, resource, ...(namespace === '' ? {} : { namespace }) } },
      },
    })) as { status: { allowed: boolean } };
    expect(answer.status.allowed).toBe(allowed);
  });

  test('its config, and those of the compose lab, are valid', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-deploy-'));
    try {
      for (const file of [
        join(BASE, 'config/isthmus.yaml'),
        ...['adapter', 'xds'].map((name) => join(ROOT, `deploy/compose/${name}.yaml`)),
      ]) {
        await writeFile(join(dir, 'isthmus.yaml'), await readFile(file));
        const { code, stdout, stderr } = await startCli(['check', '-c', 'isthmus.yaml'], { cwd: dir }).ended;
        expect([file, code, `${stdout}${stderr}`]).toEqual([file, 0, expect.any(String)]);
      }
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
